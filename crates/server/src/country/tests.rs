//! Known addresses, the reserved ranges, the schemas, and what a broken file does.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn known_addresses_have_their_country() {
    let countries = Countries::embedded().unwrap();
    let table = [
        ("8.8.8.8", "US"),
        ("193.0.6.139", "NL"),     // RIPE NCC
        ("129.132.1.1", "CH"),     // ETH Zürich
        ("131.111.8.46", "GB"),    // University of Cambridge
        ("133.11.0.1", "JP"),      // University of Tokyo
        ("141.2.1.1", "DE"),       // University of Frankfurt
        ("200.160.0.8", "BR"),     // NIC.br
        ("2001:620::1", "CH"),     // SWITCH
        ("2001:67c:2e8::1", "NL"), // RIPE NCC
        ("2001:200::1", "JP"),     // WIDE
        ("::ffff:8.8.8.8", "US"),
        ("::ffff:193.0.6.139", "NL"),
    ];
    for (text, country) in table {
        assert_eq!(countries.country(address(text)).as_str(), country, "{text}");
    }
}

#[test]
fn private_and_reserved_addresses_have_no_country() {
    let countries = Countries::embedded().unwrap();
    let table = [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::8.8.8.8",
        "::ffff:10.0.0.1",
        "::ffff:203.0.113.7",
        "64:ff9b::808:808",
        "100::1",
        "2001::1",
        "2001:1ff:ffff::1",
        "2001:db8::1",
        "3fff:fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ];
    for text in table {
        assert!(reserved::is_reserved(address(text).to_canonical()), "{text}");
        assert_eq!(countries.country(address(text)), Country::UNKNOWN, "{text}");
    }
}

#[test]
fn the_neighbours_of_reserved_ranges_are_public() {
    let table = [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2001:200::",
        "2001:db7:ffff::",
        "2001:db9::",
        "2002::1",
        "3ffe::1",
        "3fff:1000::",
    ];
    for text in table {
        assert!(!reserved::is_reserved(address(text)), "{text}");
    }
}

#[test]
fn the_embedded_database_is_the_one_of_its_provenance() {
    let bytes = zstd::decode_all(EMBEDDED).unwrap();
    let digest = Sha256::digest(&bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    assert!(include_str!("../../data/geo/source.tsv").contains(&digest), "{digest}");
    assert!(Countries::embedded().unwrap().build_epoch() > 1_700_000_000);
}

#[test]
fn every_schema_is_read() {
    let dbip = map(&[
        ("continent", map(&[("code", text("EU"))])),
        ("country", map(&[("iso_code", text("DE")), ("names", map(&[("en", text("Germany"))]))])),
    ]);
    let table = [
        (dbip, "DE"),
        (map(&[("country", map(&[("geoname_id", text("1")), ("iso_code", text("fr"))]))]), "FR"),
        (map(&[("country", text("JP")), ("continent", text("AS"))]), "JP"),
        (map(&[("country", text("United States")), ("country_code", text("US"))]), "US"),
        (map(&[("country_code", text("BR"))]), "BR"),
    ];
    for (record, country) in table {
        let countries = from_bytes(&database(&record)).unwrap();
        assert_eq!(countries.country(address("8.8.8.8")).as_str(), country);
        assert_eq!(countries.build_epoch(), 1234);
    }
}

#[test]
fn a_sound_database_without_countries_is_refused() {
    let records = [
        map(&[("autonomous_system_number", text("15169"))]),
        map(&[("country", map(&[("name", text("Nowhere"))]))]),
        map(&[("country_code", text("ZZ"))]),
        map(&[("country", text("Germany"))]),
    ];
    for record in records {
        assert!(matches!(from_bytes(&database(&record)), Err(CountryDatabaseError::NoCountries { .. })));
    }
}

#[test]
fn an_ipv6_address_in_an_ipv4_database_has_no_country() {
    let countries = from_bytes(&database(&map(&[("country_code", text("BR"))]))).unwrap();
    assert_eq!(countries.country(address("2001:4860::1")), Country::UNKNOWN);
    assert_eq!(countries.country(address("::ffff:8.8.8.8")).as_str(), "BR");
}

#[test]
fn a_changed_file_is_taken_and_a_broken_one_leaves_the_old_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("countries.mmdb");
    let brazil = database(&map(&[("country_code", text("BR"))]));
    let japan = database(&map(&[("country", map(&[("iso_code", text("JP"))]))]));
    fs::write(&path, &brazil).unwrap();
    let countries = Countries::from_file(&path).unwrap();
    let country = || countries.country(address("8.8.8.8")).to_string();
    assert!(!countries.reload_if_changed().unwrap());

    fs::write(&path, &japan).unwrap();
    assert!(countries.reload_if_changed().unwrap());
    assert_eq!(country(), "JP");

    fs::write(&path, &brazil[..brazil.len() / 2]).unwrap();
    let error = countries.reload_if_changed().unwrap_err().to_string();
    assert!(
        error.starts_with("the country database ") && error.contains("countries.mmdb is damaged"),
        "{error}"
    );
    assert_eq!(country(), "JP");
    assert!(!countries.reload_if_changed().unwrap(), "one change is one error");

    fs::remove_file(&path).unwrap();
    let error = countries.reload_if_changed().unwrap_err().to_string();
    assert!(error.starts_with("cannot read the country database "), "{error}");
    assert_eq!(country(), "JP");

    fs::write(&path, &brazil).unwrap();
    assert!(countries.reload_if_changed().unwrap());
    assert_eq!(country(), "BR");
}

#[test]
fn the_embedded_database_cut_anywhere_is_refused_and_never_panics() {
    let bytes = zstd::decode_all(EMBEDDED).unwrap();
    for part in 0..8 {
        assert!(from_bytes(&bytes[..bytes.len() * part / 8]).is_err());
        assert!(from_bytes(&bytes[bytes.len() * (part + 1) / 8..]).is_err());
    }
    assert!(from_bytes(b"").is_err());
    assert!(from_bytes(b"no database").is_err());
}

#[test]
fn the_embedded_database_is_never_reloaded() {
    assert!(!Countries::embedded().unwrap().reload_if_changed().unwrap());
}

fn from_bytes(bytes: &[u8]) -> Result<Countries, CountryDatabaseError> {
    let database = checked(bytes.to_vec(), || "the test's database".to_owned())?;
    Ok(Countries { database: RwLock::new(database), file: None })
}

/// An IPv4 database of one node whose both halves of the world have one record (MMDB file
/// format, version 2.0).
fn database(record: &[u8]) -> Vec<u8> {
    let pointer = [0, 0, 1 + 16]; // node count, separator, first record
    let number = |value: u8| vec![0xa1, value]; // an unsigned 16-bit number of one byte
    let metadata = map(&[
        ("binary_format_major_version", number(2)),
        ("binary_format_minor_version", number(0)),
        ("build_epoch", vec![0x02, 0x02, 0x04, 0xd2]), // 1234 in 64 bits
        ("database_type", text("test")),
        ("description", map(&[])),
        ("ip_version", number(4)),
        ("languages", vec![0x00, 0x04]), // an empty list
        ("node_count", vec![0xc1, 1]),   // 32 bits
        ("record_size", number(24)),
    ]);
    [&pointer[..], &pointer, &[0; 16], record, b"\xab\xcd\xefMaxMind.com", &metadata].concat()
}

/// A map of fewer than 29 pairs.
fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0xe0 | u8::try_from(pairs.len()).unwrap()];
    for (key, value) in pairs {
        bytes.extend(text(key));
        bytes.extend(value);
    }
    bytes
}

/// A text of fewer than 29 bytes.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x40 | u8::try_from(text.len()).unwrap()];
    bytes.extend(text.as_bytes());
    bytes
}
