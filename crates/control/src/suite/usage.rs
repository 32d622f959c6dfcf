//! Behaviours of the usage counters.

use millimetric_core::key::Env;

use super::{create_project, project_id};
use crate::{Control, ControlError, Month, MonthlyUsage};

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

pub(super) async fn counters_add_up_by_project_month_and_env(control: Control) {
    let (one, two) = (create_project(&control, 1).await.id, create_project(&control, 2).await.id);
    let (october, november) = (month("2026-10"), month("2026-11"));
    control
        .add_usage(&[
            (one, Env::Live, november, 5),
            (one, Env::Live, october, 1),
            (two, Env::Live, november, 70),
            (one, Env::Live, november, 6),
            (one, Env::Test, november, 2),
        ])
        .await
        .unwrap();
    control.add_usage(&[(one, Env::Live, november, 4_000_000_000)]).await.unwrap();
    control.add_usage(&[]).await.unwrap();

    let row = |month, env, events| MonthlyUsage { month, env, events };
    let in_november = [row(november, Env::Live, 4_000_000_011), row(november, Env::Test, 2)];
    assert_eq!(control.usage(one, november, november).await.unwrap(), in_november);
    let rows = control.usage(one, month("2025-12"), november).await.unwrap();
    assert_eq!(rows, [row(october, Env::Live, 1), in_november[0], in_november[1]]);
    assert_eq!(control.usage(two, october, october).await, Ok(vec![]));
    assert_eq!(control.usage(two, october, november).await, Ok(vec![row(november, Env::Live, 70)]));
}

pub(super) async fn adding_is_all_or_nothing(control: Control) {
    let one = create_project(&control, 1).await.id;
    let november = month("2026-11");
    let added = [(one, Env::Live, november, 5), (project_id(9), Env::Live, november, 5)];
    assert_eq!(control.add_usage(&added).await, Err(ControlError::UnknownProject));
    assert_eq!(control.usage(one, november, november).await, Ok(vec![]));
}
