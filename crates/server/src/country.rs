//! The country of an address, from the embedded database or the operator's own.
//!
//! Never returns more than a country, and nothing for addresses that belong to no country. Asks
//! nobody: the database is in memory, and an address leaves neither this file nor the process.

mod reserved;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use maxminddb::{MaxMindDbError, Reader};
use millimetric_core::event::Country;
use parking_lot::{Mutex, RwLock};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// DB-IP's IP to Country Lite, compressed; licence and provenance lie beside it.
const EMBEDDED: &[u8] = include_bytes!("../data/geo/dbip-country.mmdb.zst");
/// More than it takes unpacked, which it says itself.
const MOST_BYTES: usize = 64 << 20;

/// Codes that databases give to no country (unassigned, unknown, Europe, Asia/Pacific).
const NO_COUNTRY: &[&str] = &["ZZ", "XX", "EU", "AP"];

type Database = Reader<Vec<u8>>;

/// Which country an address is registered in.
pub struct Countries {
    database: RwLock<Database>,
    file: Option<WatchedFile>,
}

impl Countries {
    /// The database that comes with the server; about 8 MB of memory.
    pub fn embedded() -> Result<Self, CountryDatabaseError> {
        let origin = || "the embedded country database".to_owned();
        let bytes = zstd::bulk::decompress(EMBEDDED, MOST_BYTES)
            .map_err(|cause| CountryDatabaseError::Unreadable { origin: origin(), cause })?;
        Ok(Self { database: RwLock::new(checked(bytes, origin)?), file: None })
    }

    /// A file in the MMDB format, by `GeoLite2`, DB-IP or `IPinfo`, at country level or finer.
    pub fn from_file(path: &Path) -> Result<Self, CountryDatabaseError> {
        let stamp = Stamp::of(path);
        let database = RwLock::new(read(path)?);
        Ok(Self { database, file: Some(WatchedFile { path: path.to_owned(), seen: Mutex::new(stamp) }) })
    }

    /// The country that the address is registered in: unknown for private and reserved addresses,
    /// and for those that the database does not hold. An IPv4 address within IPv6 (`::ffff:`) is
    /// looked up as what it is.
    pub fn country(&self, address: IpAddr) -> Country {
        let address = address.to_canonical();
        if reserved::is_reserved(address) {
            return Country::UNKNOWN;
        }
        look_up(&self.database.read(), address).unwrap_or(Country::UNKNOWN)
    }

    /// Takes the file anew when its time or length has changed, and returns whether it did. A
    /// file that is missing or broken is an error once per change, and the database in use stays.
    pub fn reload_if_changed(&self) -> Result<bool, CountryDatabaseError> {
        let Some(file) = &self.file else { return Ok(false) };
        let mut seen = file.seen.lock();
        let stamp = Stamp::of(&file.path);
        if *seen == stamp {
            return Ok(false);
        }
        *seen = stamp;
        let mut database = read(&file.path)?;
        std::mem::swap(&mut *self.database.write(), &mut database);
        Ok(true)
    }

    /// When the database in use was built, in seconds since 1970.
    pub fn build_epoch(&self) -> u64 {
        self.database.read().metadata().build_epoch
    }
}

/// Why there is no country database.
#[derive(Debug, thiserror::Error)]
pub enum CountryDatabaseError {
    /// The bytes cannot be had.
    #[error("cannot read {origin}: {cause}")]
    Unreadable {
        /// The file, or the embedded database.
        origin: String,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The bytes are something else, or damaged.
    #[error("{origin} is damaged or not in the MMDB format: {cause}")]
    Damaged {
        /// The file, or the embedded database.
        origin: String,
        /// What is wrong with it.
        #[source]
        cause: MaxMindDbError,
    },
    /// A sound database about something else.
    #[error("{origin} has no countries: use a country or city database of GeoLite2, DB-IP or IPinfo")]
    NoCountries {
        /// The file.
        origin: String,
    },
}

struct WatchedFile {
    path: PathBuf,
    /// None when it was missing.
    seen: Mutex<Option<Stamp>>,
}

/// Tells one version of a file from the next.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { modified: metadata.modified().ok(), bytes: metadata.len() })
    }
}

fn read(path: &Path) -> Result<Database, CountryDatabaseError> {
    let origin = || format!("the country database {}", path.display());
    let bytes =
        fs::read(path).map_err(|cause| CountryDatabaseError::Unreadable { origin: origin(), cause })?;
    checked(bytes, origin)
}

/// Opens a database and tries it: addresses from all over must be found without error, and one
/// at least with a country.
fn checked(bytes: Vec<u8>, origin: impl Fn() -> String) -> Result<Database, CountryDatabaseError> {
    let damaged = |cause| CountryDatabaseError::Damaged { origin: origin(), cause };
    let database = Reader::from_source(bytes).map_err(damaged)?;
    let mut has_country = false;
    for address in samples(database.metadata().ip_version) {
        has_country |= look_up(&database, address).map_err(damaged)? != Country::UNKNOWN;
    }
    if has_country { Ok(database) } else { Err(CountryDatabaseError::NoCountries { origin: origin() }) }
}

/// One address of each IPv4 /8 and, where the database holds IPv6, of each assigned IPv6 /12.
fn samples(ip_version: u16) -> impl Iterator<Item = IpAddr> {
    let v4 = (0..=255).map(|first| IpAddr::V4(Ipv4Addr::new(first, 8, 8, 8)));
    let v6 = (0x2000..0x3000).step_by(16).map(|first| Ipv6Addr::new(first, 0x4860, 0, 0, 0, 0, 0, 1));
    v4.chain(v6.map(IpAddr::V6).filter(move |_| ip_version == 6))
}

fn look_up(database: &Database, address: IpAddr) -> Result<Country, MaxMindDbError> {
    let record: Option<Record<'_>> = database.lookup(address)?.decode()?;
    Ok(record.map_or(Country::UNKNOWN, |record| record.country()))
}

/// What the databases agree on: DB-IP and `GeoLite2` have `country.iso_code`; `IPinfo` has it
/// under `country`, or under `country_code` with the name as `country`.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    country: Option<Place<'a>>,
    #[serde(borrow, default)]
    country_code: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Place<'a> {
    Text(&'a str),
    Map {
        #[serde(borrow)]
        iso_code: &'a str,
    },
    Other(IgnoredAny),
}

impl Record<'_> {
    fn country(&self) -> Country {
        let code = self.country_code.or(match self.country {
            Some(Place::Text(code) | Place::Map { iso_code: code }) => Some(code),
            Some(Place::Other(_)) | None => None,
        });
        code.filter(|code| !NO_COUNTRY.contains(code))
            .and_then(|code| code.parse().ok())
            .unwrap_or(Country::UNKNOWN)
    }
}
