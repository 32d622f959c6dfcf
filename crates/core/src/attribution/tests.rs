//! The models by a table of one journey, and against a computation conversion by conversion.

use proptest::prelude::*;

use super::*;

const DAY: i64 = 24 * 60 * 60 * 1000;

fn touch(days: f64, direct: bool) -> Touch {
    Touch { at: (days * DAY as f64) as i64, direct }
}

/// The share of each touch in a conversion in the last of them, `days` after the first day.
fn shares(model: Model, touches: &[(f64, bool)], days: f64) -> Vec<f64> {
    let touches: Vec<Touch> = touches.iter().map(|(days, direct)| touch(*days, *direct)).collect();
    let at = (days * DAY as f64) as i64;
    let conversion = Conversion { at, session: touches.len() - 1, value: 10.0 };
    let credits = credits(&touches, &[conversion], 30 * DAY);
    let shares: Vec<f64> = credits.iter().map(|credit| credit.conversions[model as usize]).collect();
    for (share, credit) in shares.iter().zip(&credits) {
        assert!((share * 10.0 - credit.value[model as usize]).abs() < 1e-9, "the value is divided alike");
    }
    shares.into_iter().map(|share| (share * 1e6).round() / 1e6).collect()
}

#[test]
fn every_model_divides_one_conversion_as_the_contract_says() {
    // Advertisement, search, mail, and a direct visit with the conversion.
    let journey = [(0.0, false), (7.0, false), (13.0, false), (14.0, true)];
    for (model, expected) in [
        (Model::First, [1.0, 0.0, 0.0, 0.0]),
        (Model::Last, [0.0, 0.0, 0.0, 1.0]),
        (Model::LastNonDirect, [0.0, 0.0, 1.0, 0.0]),
        (Model::Linear, [0.333_333, 0.333_333, 0.333_333, 0.0]),
        (Model::Position, [0.4, 0.2, 0.4, 0.0]),
        (Model::TimeDecay, [0.150_991, 0.301_983, 0.547_026, 0.0]),
    ] {
        assert_eq!(shares(model, &journey, 14.0), expected, "{model:?}");
    }
    assert_eq!(shares(Model::Position, &journey[1..], 14.0), [0.5, 0.5, 0.0]);
    assert_eq!(shares(Model::Position, &journey[2..], 14.0), [1.0, 0.0]);
    let four = [(0.0, false), (1.0, false), (2.0, false), (3.0, false)];
    assert_eq!(shares(Model::Position, &four, 3.0), [0.4, 0.1, 0.1, 0.4]);
    for model in Model::ALL {
        assert_eq!(shares(model, &[(0.0, true)], 0.0), [1.0], "a single touch gets it all: {model:?}");
        let sum: f64 = shares(model, &[(0.0, true), (1.0, true)], 1.0).iter().sum();
        assert!((sum - 1.0).abs() < 1e-6, "direct touches get credit if there is no other: {model:?}");
    }
    assert_eq!(shares(Model::LastNonDirect, &[(0.0, true), (1.0, true)], 1.0), [0.0, 1.0]);
}

#[test]
fn touches_are_within_the_lookback_and_the_session_of_the_conversion_always_is_one() {
    let linear = |touches: &[(f64, bool)], days| shares(Model::Linear, touches, days);
    assert_eq!(linear(&[(0.0, false), (30.0, false)], 30.0), [0.5, 0.5], "exactly the lookback before");
    assert_eq!(linear(&[(0.0, false), (30.0, false)], 30.000_001), [0.0, 1.0]);
    let touches = [touch(0.0, false), touch(40.0, false), touch(60.0, false)];
    let conversion = Conversion { at: 50 * DAY, session: 0, value: 1.0 };
    let credits = credits(&touches, &[conversion], 30 * DAY);
    assert_eq!(
        shares_of(&credits, Model::Linear),
        [0.5, 0.5, 0.0],
        "a session that goes on for longer; one that started later"
    );
    assert_eq!(credits.iter().map(|credit| credit.touches).collect::<Vec<_>>(), [1, 1, 0]);
    assert_eq!(shares_of(&credits, Model::First), [1.0, 0.0, 0.0]);
    assert_eq!(shares_of(&credits, Model::Last), [0.0, 1.0, 0.0]);
}

fn shares_of(credits: &[Credit], model: Model) -> Vec<f64> {
    credits.iter().map(|credit| credit.conversions[model as usize]).collect()
}

/// The same, conversion by conversion.
fn naive(touches: &[Touch], conversions: &[Conversion], lookback: i64) -> Vec<Credit> {
    let mut credits = vec![Credit::default(); touches.len()];
    for conversion in conversions {
        let is_touch = |index: &usize| {
            let age = conversion.at - touches[*index].at;
            *index == conversion.session || (0..=lookback).contains(&age)
        };
        let all: Vec<usize> = (0..touches.len()).filter(is_touch).collect();
        let known: Vec<usize> = all.iter().copied().filter(|index| !touches[*index].direct).collect();
        let class = if known.is_empty() { &all } else { &known };
        let (first, last, count) = (class[0], class[class.len() - 1], class.len() as f64);
        // Relative to the last of them: only proportions matter, and old ones may be too small for a number.
        let age = |index: usize| (touches[last].at - touches[index].at) as f64;
        let weight = |index: usize| 0.5_f64.powf(age(index) / HALF_LIFE as f64);
        let total: f64 = class.iter().map(|index| weight(*index)).sum();
        let mut give = |index: usize, model, part: f64| {
            credits[index].give(model, [part, part * conversion.value]);
        };
        give(all[0], Model::First, 1.0);
        give(all[all.len() - 1], Model::Last, 1.0);
        give(last, Model::LastNonDirect, 1.0);
        for index in class.iter().copied() {
            give(index, Model::Linear, 1.0 / count);
            give(index, Model::TimeDecay, weight(index) / total);
            let part = match class.len() {
                1 => 1.0,
                2 => 0.5,
                _ if index == first || index == last => 0.4,
                _ => 0.2 / (count - 2.0),
            };
            give(index, Model::Position, part);
        }
        for index in &all {
            credits[*index].touches += 1;
        }
    }
    credits
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn all_conversions_together_give_what_each_gives(
        steps in proptest::collection::vec((prop_oneof![Just(0), 0..DAY, 0..400 * DAY], any::<bool>()), 1..30),
        conversions in proptest::collection::vec((any::<prop::sample::Index>(), prop_oneof![Just(0), 0..DAY, 0..90 * DAY, 0..90_000 * DAY], -100.0..1000.0_f64), 0..30),
        lookback in prop_oneof![Just(DAY), Just(30 * DAY), Just(366 * DAY)],
    ) {
        let mut at = -1000 * DAY;
        let touches: Vec<Touch> = steps
            .into_iter()
            .map(|(step, direct)| {
                at += step;
                Touch { at, direct }
            })
            .collect();
        let mut conversions: Vec<Conversion> = conversions
            .into_iter()
            .map(|(session, later, value)| {
                let session = session.index(touches.len());
                Conversion { at: touches[session].at + later, session, value }
            })
            .collect();
        conversions.sort_by_key(|conversion| conversion.at);
        let found = credits(&touches, &conversions, lookback);
        let expected = naive(&touches, &conversions, lookback);
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            prop_assert_eq!(found.touches, expected.touches, "touch {}", index);
            for model in Model::ALL {
                let [found, expected] = [found, expected].map(|credit| (credit.conversions[model as usize], credit.value[model as usize]));
                prop_assert!((found.0 - expected.0).abs() < 1e-9, "{:?} of touch {}: {:?}, not {:?}", model, index, found, expected);
                prop_assert!((found.1 - expected.1).abs() < 1e-6, "{:?} of touch {}: {:?}, not {:?}", model, index, found, expected);
            }
        }
        for model in Model::ALL {
            let sum: f64 = found.iter().map(|credit| credit.conversions[model as usize]).sum();
            prop_assert!((sum - conversions.len() as f64).abs() < 1e-6, "{:?} sums to {}", model, sum);
        }
    }
}
