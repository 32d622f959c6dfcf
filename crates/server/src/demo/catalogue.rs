//! What the demo is made of: where visits come from, the shop's pages and wares, the browsers
//! and the countries. Tables only; each begins with a weight where things differ in frequency.

/// The shop.
pub(super) const SITE: &str = "https://shop.lumenlamps.example";

/// A way into the shop.
#[derive(Debug)]
pub(super) struct Channel {
    /// How often new visitors come this way.
    pub(super) weight_new: u64,
    /// How often known visitors come this way.
    pub(super) weight_known: u64,
    /// How ready to buy these visits are, in percent of the usual.
    pub(super) intent: u64,
    /// The referrer; empty when there is none.
    pub(super) referrer: &'static str,
    /// The landing page's query; one that ends in `=` wants a click id, different on every click.
    pub(super) query: &'static str,
}

const fn channel(weights: (u64, u64), intent: u64, referrer: &'static str, query: &'static str) -> Channel {
    Channel { weight_new: weights.0, weight_known: weights.1, intent, referrer, query }
}

/// Weights are those of new and of known visitors.
#[rustfmt::skip]
pub(super) const CHANNELS: &[Channel] = &[
    channel((140, 420), 110, "", ""),
    channel((250, 150), 100, "https://www.google.com/", ""),
    channel((26, 14), 90, "https://www.bing.com/", ""),
    channel((18, 16), 90, "https://duckduckgo.com/", ""),
    channel((7, 5), 90, "https://www.ecosia.org/", ""),
    channel((70, 22), 190, "https://www.google.com/", "?utm_source=google&utm_medium=cpc&utm_campaign=brand_search&gclid="),
    channel((44, 10), 150, "https://www.google.com/", "?utm_source=google&utm_medium=cpc&utm_campaign=desk_lamps&gclid="),
    channel((14, 4), 150, "https://www.bing.com/", "?utm_source=bing&utm_medium=cpc&utm_campaign=desk_lamps&msclkid="),
    channel((58, 20), 70, "https://l.facebook.com/", "?utm_source=facebook&utm_medium=paid_social&utm_campaign=autumn_lights&fbclid="),
    channel((40, 16), 65, "https://l.instagram.com/", "?utm_source=instagram&utm_medium=paid_social&utm_campaign=autumn_lights&fbclid="),
    channel((18, 4), 35, "https://www.tiktok.com/", "?utm_source=tiktok&utm_medium=paid_social&utm_campaign=short_clips&ttclid="),
    channel((8, 3), 120, "https://www.linkedin.com/", "?utm_source=linkedin&utm_medium=cpc&utm_campaign=office_light&li_fat_id="),
    channel((26, 20), 40, "https://www.facebook.com/", ""),
    channel((24, 18), 45, "https://www.instagram.com/", ""),
    channel((16, 10), 30, "https://t.co/", ""),
    channel((10, 8), 60, "https://www.linkedin.com/", ""),
    channel((18, 10), 55, "https://www.reddit.com/", ""),
    channel((8, 2), 25, "https://news.ycombinator.com/", ""),
    channel((14, 6), 70, "https://www.youtube.com/", ""),
    channel((12, 10), 80, "https://www.pinterest.com/", ""),
    channel((30, 12), 140, "https://chatgpt.com/", "?utm_source=chatgpt.com"),
    channel((14, 6), 130, "https://www.perplexity.ai/", ""),
    channel((9, 5), 140, "https://claude.ai/", ""),
    channel((8, 4), 120, "https://gemini.google.com/", ""),
    channel((5, 2), 110, "https://copilot.microsoft.com/", ""),
    channel((6, 110), 160, "", "?utm_source=newsletter&utm_medium=email&utm_campaign=weekly_light"),
    channel((3, 40), 170, "https://mail.google.com/", "?utm_source=newsletter&utm_medium=email&utm_campaign=cart_reminder"),
    channel((20, 8), 120, "https://www.homelightguide.example/best-desk-lamps", ""),
    channel((14, 5), 100, "https://interiors-weekly.example/2026/lamps", ""),
    channel((10, 4), 90, "https://forum.studyroom.example/t/eye-strain/4812", ""),
    channel((12, 6), 150, "https://partners.dealfinder.example/", "?utm_source=dealfinder&utm_medium=affiliate&utm_campaign=evergreen"),
];

/// Pages on which a visit may begin or wander: weight, path, title.
pub(super) const PAGES: &[(u64, &str, &str)] = &[
    (300, "/", "Lumen Lamps"),
    (120, "/collections/desk", "Desk lamps"),
    (90, "/collections/floor", "Floor lamps"),
    (70, "/collections/outdoor", "Outdoor light"),
    (40, "/sale", "Sale"),
    (60, "/guides/light-and-sleep", "Light and sleep"),
    (52, "/guides/choosing-a-desk-lamp", "Choosing a desk lamp"),
    (34, "/guides/colour-temperature", "Colour temperature"),
    (26, "/guides/smart-bulbs", "Smart bulbs, explained"),
    (48, "/pricing", "Lumen Club plans"),
    (22, "/about", "About us"),
    (18, "/shipping", "Shipping and returns"),
    (9, "/jobs", "Work with us"),
];

/// A ware.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) category: &'static str,
    pub(super) price_cents: u64,
}

const fn product(
    path: &'static str,
    name: &'static str,
    category: &'static str,
    price_cents: u64,
) -> Product {
    Product { path, name, category, price_cents }
}

/// The wares, the best seller first.
pub(super) const PRODUCTS: &[Product] = &[
    product("/products/arc-desk-lamp", "Arc desk lamp", "desk", 8_900),
    product("/products/nook-reading-light", "Nook reading light", "desk", 4_450),
    product("/products/tall-reed", "Tall Reed", "floor", 18_900),
    product("/products/dawn-alarm-lamp", "Dawn alarm lamp", "bedroom", 6_990),
    product("/products/paper-moon", "Paper Moon", "floor", 12_500),
    product("/products/studio-clamp", "Studio clamp", "desk", 5_900),
    product("/products/garden-string-10m", "Garden string, 10 m", "outdoor", 3_995),
    product("/products/porch-sensor", "Porch sensor", "outdoor", 5_450),
    product("/products/warm-bulb-4-pack", "Warm bulb, 4 pack", "bulbs", 2_400),
    product("/products/colour-bulb", "Colour bulb", "bulbs", 1_990),
    product("/products/linen-shade", "Linen shade", "parts", 2_950),
    product("/products/brass-stem", "Brass stem", "parts", 3_300),
];

/// Plans of the shop's club: weight, name.
pub(super) const PLANS: &[(u64, &str)] = &[(70, "free"), (22, "plus"), (8, "studio")];

/// Ways to pay, the most frequent first, and where a provider's page returns from.
pub(super) const PAYMENTS: &[(&str, Option<&str>)] = &[
    ("card", Some("https://checkout.stripe.com/")),
    ("paypal", Some("https://www.paypal.com/")),
    ("invoice", None),
];

/// Ways to sign up, the most frequent first, and where a provider's page returns from.
pub(super) const SIGN_INS: &[(&str, Option<&str>)] = &[
    ("email", None),
    ("google", Some("https://accounts.google.com/")),
    ("apple", Some("https://appleid.apple.com/")),
];

/// What people look for.
pub(super) const SEARCHES: &[&str] =
    &["desk lamp", "warm light", "reading", "dimmable", "outdoor", "e27", "brass", "gift", "usb-c"];

/// Browsers: weight, user agent.
#[rustfmt::skip]
pub(super) const AGENTS: &[(u64, &str)] = &[
    (230, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    (210, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1"),
    (190, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"),
    (80, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    (70, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15"),
    (62, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"),
    (34, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    (32, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"),
    (20, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    (14, "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    (18, "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1"),
    (12, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1"),
    (9, "Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0"),
    (9, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0"),
    (7, "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    (6, "Mozilla/5.0 (Linux; Android 15; SM-X910) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
];

/// Countries: weight, ISO 3166-1 alpha-2.
#[rustfmt::skip]
pub(super) const COUNTRIES: &[(u64, &str)] = &[
    (280, "US"), (130, "DE"), (110, "GB"), (70, "FR"), (52, "NL"), (46, "CA"), (34, "ES"), (32, "IT"), (30, "SE"), (28, "PL"),
    (26, "AU"), (24, "CH"), (22, "AT"), (20, "BE"), (18, "DK"), (16, "IN"), (14, "BR"), (12, "JP"), (12, "NO"), (10, "IE"),
    (9, "PT"), (8, "FI"), (7, "MX"), (6, "CZ"), (5, "NZ"), (4, "SG"), (3, "ZA"),
];
