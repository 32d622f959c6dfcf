//! Currencies: the alphabetic codes of ISO 4217, as of its amendment 177 (2024).

/// The property with the currency of an event.
pub const PROPERTY: &str = "currency";

/// The codes in use, sorted; without those of metals, funds and tests.
const CODES: &str = "\
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF \
CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL \
HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD \
MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG \
QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD \
TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// Returns the code of a currency, in any case, with blanks around it or not; `None` if it is not one.
pub fn code(text: &str) -> Option<&'static str> {
    let text = text.trim();
    CODES.split(' ').find(|code| code.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_are_known_by_their_code() {
        assert!(CODES.split(' ').is_sorted() && CODES.split(' ').all(|code| code.len() == 3));
        for (text, expected) in [
            ("EUR", Some("EUR")),
            (" usd", Some("USD")),
            ("", None),
            ("EURO", None),
            ("XXX", None),
            ("AED AFN", None),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
    }
}
