//! The listener: accepts connections, limits them, shuts down in order.
//!
//! Invariant: `run` returns only when no session is left, so the caller may close the database.

use crate::cancel::{SessionGuard, Sessions};
use crate::session::Connection;
use crate::startup::{self, Request};
use crate::wire::Wire;
use base::random::Random;
use base::{Error, ErrorKind, Result};
use config::Settings;
use query::api::{Engine, SessionStart};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Wait behind a failed accept, which fails at once again while no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Between two attempts to cancel what runs at a shutdown.
const CANCEL_PAUSE: Duration = Duration::from_millis(50);

/// A bound socket that does not accept yet.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    pub address: SocketAddr,
}

/// Binds the address of the settings; a busy port is an error that says what to do.
pub async fn listen(settings: &Settings) -> Result<Listening> {
    let listener = TcpListener::bind(settings.listen).await.map_err(|e| {
        Error::io(format_args!("listen on {}", settings.listen), e)
            .with_hint("Another program may use the port: choose one with --listen HOST:PORT.")
    })?;
    let address = listener.local_addr().map_err(|e| Error::io("read the address of the socket", e))?;
    Ok(Listening { listener, address })
}

/// Serves until `shutdown` turns true, then ends all sessions.
pub async fn run(
    settings: Arc<Settings>,
    engine: Engine,
    listening: Listening,
    mut shutdown: watch::Receiver<bool>,
) -> Result<()> {
    let sessions = Sessions::new(Random::from_system()?, settings.connections_max);
    let mut tasks = JoinSet::new();
    let for_sessions = shutdown.clone();
    loop {
        tokio::select! {
            accepted = listening.listener.accept() => match accepted {
                Ok((socket, client)) => {
                    let task = connect(settings.clone(), engine.clone(), sessions.clone(), (socket, client), for_sessions.clone());
                    tasks.spawn(task);
                }
                // A client that left before it was accepted, or no file descriptor free: the next one may do.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_ended) = tasks.join_next(), if !tasks.is_empty() => {}
            () = stopped(&mut shutdown) => break,
        }
    }
    // Again and again: a statement may have started just behind the call.
    while !tasks.is_empty() {
        sessions.cancel_all();
        let _pause = tokio::time::timeout(CANCEL_PAUSE, tasks.join_next()).await;
    }
    Ok(())
}

/// One connection from accept to close. Socket errors end it silently: there is nobody to tell.
async fn connect(
    settings: Arc<Settings>,
    engine: Engine,
    sessions: Arc<Sessions>,
    (socket, client): (TcpStream, SocketAddr),
    mut shutdown: watch::Receiver<bool>,
) {
    // Replies are written whole; waiting for more would only delay them.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let server = socket.local_addr().ok();
    let (end, ended) = watch::channel(false);
    let mut wire = Wire::new(socket, ended);
    let limit = Duration::from_millis(settings.startup_timeout_ms);
    let received = tokio::select! {
        received = tokio::time::timeout(limit, startup::receive(&mut wire, &sessions)) => received,
        () = stopped(&mut shutdown) => return,
    };
    let request = match received {
        Ok(Ok(Some(request))) => request,
        Ok(Ok(None)) | Err(_) => return,
        Ok(Err(error)) => return startup::refuse(wire, &error).await,
    };
    let Some(guard) = sessions.enter() else {
        let error = Error::new(ErrorKind::TooManyConnections, "sorry, too many clients already")
            .with_hint("Close connections or raise connections_max.");
        return startup::refuse(wire, &error).await;
    };
    match session(&engine, request, &guard, (Some(client), server)) {
        Ok(session) => {
            // pg_terminate_backend() ends one connection as a shutdown ends all.
            let (end, handle) = (end, session.cancel_handle());
            let served = Connection::new(wire, session, guard).serve();
            let told = async {
                tokio::select! {
                    () = handle.ended() => {}
                    () = stopped(&mut shutdown) => {}
                }
                // The connection may have ended meanwhile.
                let _heard = end.send(true);
                std::future::pending::<()>().await;
            };
            tokio::select! {
                _socket_failed = served => {}
                () = told => {}
            }
        }
        Err(error) => startup::refuse(wire, &error).await,
    }
}

/// Ends when the server is to stop.
pub(crate) async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // Its sender going away means the same.
    let _stop = shutdown.wait_for(|stop| *stop).await;
}

fn session(
    engine: &Engine,
    request: Request,
    guard: &SessionGuard,
    (client, server): (Option<SocketAddr>, Option<SocketAddr>),
) -> Result<query::api::Session> {
    engine.session(SessionStart {
        user: request.user,
        database: request.database,
        settings: request.settings,
        process_id: guard.key.process_id,
        client,
        server,
    })
}
