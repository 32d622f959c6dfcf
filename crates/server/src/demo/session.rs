//! One visit to the shop, from the landing page to wherever it ends: reading, a filled basket, a
//! purchase, an account.
//!
//! The landing page has the referrer and the campaign parameters of the channel; every later page has
//! the page before as its referrer, whether it was loaded or is a route of the shop's single-page
//! part. Payment and sign-in leave the shop, and return from the provider's host.

use millimetric_core::time::Timestamp;

use super::DemoEvent;
use super::catalogue::{
    CHANNELS, Channel, PAGES, PAYMENTS, PLANS, PRODUCTS, Product, SEARCHES, SIGN_INS, SITE,
};
use super::crowd::Visitor;
use super::random::Random;

/// The most pages that a visit wanders to, so that it stays well under half an hour.
const MOST_PAGES: u32 = 12;

/// The events of a visit, in order, at least one, all from `begin` on and before `end`.
pub(super) fn play(
    visitor: &Visitor,
    begin: Timestamp,
    end: Timestamp,
    random: &mut Random,
) -> Vec<DemoEvent> {
    let weight = |way: &Channel| if visitor.first_visit { way.weight_new } else { way.weight_known };
    let channel = random.weighted(CHANNELS, weight);
    let click_id =
        if channel.query.ends_with('=') { format!("{:016x}", random.next()) } else { String::new() };
    let query = format!("{}{click_id}", channel.query);
    let mut visit = Visit {
        random,
        signed_up: visitor.signed_up,
        millis: 0,
        page: "",
        from: From::Channel,
        steps: vec![],
    };
    visit.stroll(channel.intent);
    let steps = visit.steps;

    // A visit that would reach beyond the end is played faster.
    let length = steps.last().map_or(0, |step| step.millis);
    let room = (end.millis() - begin.millis() - 1).max(0);
    let at = |millis: i64| begin.plus_millis(if length <= room { millis } else { millis * room / length });
    let event = |step: Step| DemoEvent {
        timestamp: at(step.millis),
        event_id: event_id(at(step.millis), random),
        event: step.event,
        anonymous_id: visitor.anonymous_id.clone(),
        user_id: step.signed_up.then(|| visitor.user_id.clone()),
        url: [SITE, step.page, if step.from == From::Channel { &query } else { "" }].concat(),
        referrer: match step.from {
            From::Channel => (!channel.referrer.is_empty()).then(|| channel.referrer.to_owned()),
            From::Page(page) => Some([SITE, page].concat()),
            From::Provider(host) => Some(host.to_owned()),
        },
        user_agent: visitor.user_agent,
        country: visitor.country,
        properties: step.properties,
    };
    steps.into_iter().map(event).collect()
}

/// One event of a visit, without what all of them share.
struct Step {
    millis: i64,
    event: &'static str,
    page: &'static str,
    from: From,
    signed_up: bool,
    properties: String,
}

/// What comes before a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// The page is the landing page.
    Channel,
    /// A page of the shop.
    Page(&'static str),
    /// A payment or sign-in provider.
    Provider(&'static str),
}

/// A visit being played.
struct Visit<'a> {
    random: &'a mut Random,
    signed_up: bool,
    millis: i64,
    page: &'static str,
    from: From,
    steps: Vec<Step>,
}

impl Visit<'_> {
    /// The whole visit; `intent` is how ready to buy it is, in percent.
    fn stroll(&mut self, intent: u64) {
        let mut basket = None;
        let mut pages = 0;
        loop {
            if self.random.chance(400) {
                let product = self.look_at_product();
                if self.random.chance(intent) {
                    self.fill_basket(product);
                    basket = Some(product);
                }
            } else {
                self.read_page();
            }
            pages += 1;
            if pages == MOST_PAGES || !self.random.chance(600) {
                break;
            }
        }
        let bought = basket.is_some_and(|product| self.check_out(product));
        if !self.signed_up && self.random.chance(if bought { 350 } else { intent / 6 }) {
            self.sign_up();
        }
    }

    fn read_page(&mut self) {
        let (_, path, title) = *self.random.weighted(PAGES, |(weight, ..)| *weight);
        self.view(path, title);
        if self.random.chance(45) {
            let words = SEARCHES[self.random.skewed(SEARCHES.len() as u64) as usize];
            let results = self.random.below(24);
            self.act("search", format!(r#"{{"query":"{words}","results":{results}}}"#));
        } else if self.random.chance(14) {
            self.act("newsletter_subscribe", r#"{"place":"footer"}"#.to_owned());
        }
    }

    fn look_at_product(&mut self) -> &'static Product {
        let product = &PRODUCTS[self.random.skewed(PRODUCTS.len() as u64) as usize];
        self.view(product.path, product.name);
        product
    }

    fn fill_basket(&mut self, product: &Product) {
        let price = euros(product.price_cents);
        let (name, category) = (product.name, product.category);
        self.act(
            "add_to_cart",
            format!(r#"{{"product":"{name}","category":"{category}","price":{price},"currency":"EUR"}}"#),
        );
    }

    /// Whether it ends with a purchase.
    fn check_out(&mut self, product: &Product) -> bool {
        if !self.random.chance(620) {
            return false;
        }
        self.view("/checkout", "Checkout");
        self.act("checkout_started", r#"{"step":1}"#.to_owned());
        if !self.random.chance(640) {
            return false;
        }
        let items = 1 + self.random.skewed(4);
        let amount = euros(items * product.price_cents);
        let category = product.category;
        let (method, provider) = PAYMENTS[self.random.skewed(PAYMENTS.len() as u64) as usize];
        if let Some(provider) = provider {
            self.pause(20_000, 90_000);
            self.arrive("/thanks", "Thank you", From::Provider(provider));
        }
        self.act(
            "purchase",
            format!(
                r#"{{"amount":{amount},"currency":"EUR","items":{items},"category":"{category}","payment":"{method}"}}"#
            ),
        );
        true
    }

    fn sign_up(&mut self) {
        self.view("/signup", "Create your account");
        let plan = self.random.weighted(PLANS, |(weight, _)| *weight).1;
        let (method, provider) = SIGN_INS[self.random.skewed(SIGN_INS.len() as u64) as usize];
        if let Some(provider) = provider {
            self.pause(5_000, 40_000);
            self.arrive("/welcome", "Welcome", From::Provider(provider));
        }
        self.signed_up = true;
        self.act("signup", format!(r#"{{"plan":"{plan}","method":"{method}"}}"#));
        self.act("$identify", format!(r#"{{"plan":"{plan}"}}"#));
    }

    /// Lands on a page, or moves on to it.
    fn view(&mut self, page: &'static str, title: &'static str) {
        let from = if self.steps.is_empty() { From::Channel } else { From::Page(self.page) };
        if from != From::Channel {
            self.pause(4_000, 110_000);
        }
        self.arrive(page, title, from);
    }

    fn arrive(&mut self, page: &'static str, title: &'static str, from: From) {
        (self.page, self.from) = (page, from);
        self.step("$pageview", format!(r#"{{"title":"{title}"}}"#));
    }

    /// Does something on the page.
    fn act(&mut self, event: &'static str, properties: String) {
        self.pause(300, 20_000);
        self.step(event, properties);
    }

    fn pause(&mut self, least: i64, more: u64) {
        self.millis += least + self.random.skewed(more) as i64;
    }

    fn step(&mut self, event: &'static str, properties: String) {
        let (millis, page, from, signed_up) = (self.millis, self.page, self.from, self.signed_up);
        self.steps.push(Step { millis, event, page, from, signed_up, properties });
    }
}

/// `8900` cents as `89.00`.
fn euros(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// A UUID of version 7 (RFC 9562): the time, then bits of the demo's own generator.
fn event_id(at: Timestamp, random: &mut Random) -> String {
    let time = at.millis() as u64 & 0xffff_ffff_ffff;
    let (short, long) = (random.next() & 0xfff, random.next() & 0x3fff_ffff_ffff_ffff | 1 << 63);
    format!(
        "evt_{:08x}-{:04x}-7{short:03x}-{:04x}-{:012x}",
        time >> 16,
        time & 0xffff,
        long >> 48,
        long & 0xffff_ffff_ffff
    )
}
