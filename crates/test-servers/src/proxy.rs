//! A TCP proxy on 127.0.0.1 between a program and a server. The network between them fails when a test says so.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::StartError;

/// Most bytes that are passed on at once.
const PACKET_BYTES: usize = 64 << 10;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// It passes all on.
    Passes,
    /// It passes all on, each packet after this time.
    Delays(Duration),
    /// It passes nothing on, and no side hears of it. When it passes again, what was sent meanwhile arrives late,
    /// as TCP repeats it. New connections are accepted, unlike in a real network, and nothing responds.
    Drops,
    /// It closes all connections, also new ones.
    Closes,
}

/// A running proxy. Dropped, it closes its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Notified when the network changes.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    network: Network,
    /// The port that new connections lead to.
    target: u16,
    has_ended: bool,
    /// Both sides of each connection.
    connections: HashMap<u64, [TcpStream; 2]>,
    next: u64,
}

impl Proxy {
    /// Starts a proxy in front of a port of 127.0.0.1.
    pub fn start(target: u16) -> Result<Self, StartError> {
        let failed = |error: std::io::Error| StartError::Failed(error.to_string());
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let network = Network::Passes;
        let state = State { network, target, has_ended: false, connections: HashMap::new(), next: 0 };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Ok(Self { port, shared })
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the network, for open connections too.
    pub fn set(&self, network: Network) {
        let mut state = self.shared.state();
        state.network = network;
        if network == Network::Closes {
            state.close_all();
        }
        self.shared.changed.notify_all();
    }

    /// Leads new connections to another port.
    pub fn lead_to(&self, target: u16) {
        self.shared.state().target = target;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.has_ended = true;
        state.close_all();
        drop(state);
        self.shared.changed.notify_all();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    fn is_closing(&self) -> bool {
        self.has_ended || self.network == Network::Closes
    }

    fn close_all(&self) {
        for side in self.connections.values().flatten() {
            let _ = side.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.state().has_ended {
                return;
            }
            let shared = Arc::clone(&self);
            thread::spawn(move || shared.serve(&client));
        }
    }

    /// Passes on what either side sends until both have ended.
    fn serve(&self, client: &TcpStream) {
        let target = self.state().target;
        let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (Ok(one), Ok(other)) = (client.try_clone(), server.try_clone()) else { return };
        let id = {
            let mut state = self.state();
            if state.is_closing() {
                return;
            }
            state.next += 1;
            let id = state.next;
            state.connections.insert(id, [one, other]);
            id
        };
        thread::scope(|threads| {
            threads.spawn(|| self.pass(client, &server));
            self.pass(&server, client);
        });
        self.state().connections.remove(&id);
    }

    /// Passes on what one side sends, until it ends or the connection is closed.
    fn pass(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut packet = vec![0; PACKET_BYTES];
        loop {
            let length = from.read(&mut packet).unwrap_or(0);
            if !self.may_pass() || to.write_all(&packet[..length]).is_err() {
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                return;
            }
            if length == 0 {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
        }
    }

    /// Waits as long as the network holds a packet; false if the connection is closed.
    fn may_pass(&self) -> bool {
        let mut state = self.state();
        while state.network == Network::Drops && !state.has_ended {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Network::Delays(time) = state.network {
            drop(state);
            thread::sleep(time);
            state = self.state();
        }
        !state.is_closing()
    }
}
