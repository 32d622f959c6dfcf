//! Device, browser and system of a user agent.
