//! Clients of scripted servers that misbehave.

use super::greeting::attempt;
use super::{Client, Endpoint, SshError};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::sync::oneshot;

const BANNER: &[u8] = b"SSH-2.0-scripted\r\n";

/// Far above what any test needs.
const LONG: Duration = Duration::from_secs(60);

/// A server on a thread of its own, which a test joins.
struct Server<T> {
    address: SocketAddr,
    thread: JoinHandle<T>,
}

fn server<T: Send + 'static>(script: impl FnOnce(&TcpListener) -> T + Send + 'static) -> Server<T> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    Server { address, thread: std::thread::spawn(move || script(&listener)) }
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Reads the client's banner and its first packet's start: the client's thread is at work.
fn read_some(stream: &mut TcpStream) {
    let mut bytes = [0; 32];
    stream.read_exact(&mut bytes).unwrap();
    assert!(bytes.starts_with(b"SSH-2.0-"), "{}", bytes.escape_ascii());
}

/// Reads until the client closes the connection, which may be abrupt.
fn read_to_end(mut stream: TcpStream) {
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return,
            Err(error) => panic!("the client stays: {error}"),
        }
    }
}

/// A server that cannot be logged in to, and the file of a key that is never read.
fn endpoint(address: SocketAddr) -> (Endpoint, NamedTempFile) {
    let key = NamedTempFile::new().unwrap();
    let host_key = "ssh-ed25519 AAAA".to_owned();
    (Endpoint { address, user: "root".to_owned(), key: key.path().to_owned(), host_key }, key)
}

async fn connect(address: SocketAddr) -> SshError {
    let (endpoint, _key) = endpoint(address);
    Client::connect(&endpoint, LONG).await.unwrap_err()
}

/// Connects, and has the time run to the client's deadlines once the server has come to a point.
async fn connect_in_vain(address: SocketAddr, point: oneshot::Receiver<()>) -> SshError {
    let run_out = async {
        point.await.unwrap();
        tokio::time::pause();
    };
    tokio::join!(connect(address), run_out).0
}

/// Connects, and drops the attempt once the server has come to a point.
async fn cancel(address: SocketAddr, point: oneshot::Receiver<()>) {
    tokio::select! {
        error = connect(address) => panic!("{error}"),
        reached = point => reached.unwrap(),
    }
}

/// Why a server that sends these bytes, and closes the connection, has no banner.
async fn refused(bytes: Vec<u8>) -> String {
    let server = server(move |listener| {
        // The client may have seen enough.
        let _ = accept(listener).write_all(&bytes);
    });
    let reason = attempt(server.address).await.unwrap_err();
    server.thread.join().unwrap();
    reason
}

#[tokio::test]
async fn silent_port_has_no_server() {
    let (accepted, point) = oneshot::channel();
    let (test, end_of_test) = std::sync::mpsc::channel::<()>();
    let server = server(move |listener| {
        let _stream = accept(listener);
        accepted.send(()).unwrap();
        // The host accepts more connections meanwhile.
        end_of_test.recv().unwrap_err();
    });
    let error = connect_in_vain(server.address, point).await;
    assert!(matches!(&error, SshError::NoBanner { seconds: 60, reason, .. } if reason.contains("silent")), "{error}");
    drop(test);
    server.thread.join().unwrap();
}

#[tokio::test]
async fn other_servers_are_told_apart() {
    assert_eq!(refused(Vec::new()).await, "the port is open, but closes connections at once");
    assert_eq!(refused(b"SSH-2.0-Open".to_vec()).await, "the connection was closed before the end of an SSH banner");
    assert_eq!(refused(b"x\n".repeat(100_000)).await, "it sends something else than an SSH banner");
    assert_eq!(refused([b"SSH-2.0-".as_slice(), &[b'x'; 1 << 20]].concat()).await, "its SSH banner has no end");
    assert_eq!(refused(b"SSH-1.5-old\r\n".to_vec()).await, "it does not speak version 2 of SSH");
}

#[tokio::test]
async fn client_connects_until_a_server_announces_itself() {
    let server = server(|listener| {
        for _ in 0..3 {
            drop(accept(listener));
        }
        let mut stream = accept(listener);
        // A banner may come in pieces, and after a greeting.
        for piece in [b"welcome\r\nSSH-".as_slice(), &BANNER[4..]] {
            stream.write_all(piece).unwrap();
        }
        read_some(&mut stream);
    });
    let error = connect(server.address).await;
    assert!(matches!(error, SshError::Handshake { .. }), "{error}");
    server.thread.join().unwrap();
}

#[tokio::test]
async fn silence_after_the_banner_ends_the_login() {
    let (begun, point) = oneshot::channel();
    let server = server(move |listener| {
        let mut stream = accept(listener);
        stream.write_all(BANNER).unwrap();
        read_some(&mut stream);
        begun.send(()).unwrap();
        read_to_end(stream);
    });
    let error = connect_in_vain(server.address, point).await;
    assert!(matches!(error, SshError::LoginTimedOut { seconds: 60, .. }), "{error}");
    server.thread.join().unwrap();
}

#[tokio::test]
async fn garbage_after_the_banner_ends_the_login() {
    let server = server(|listener| {
        let mut stream = accept(listener);
        stream.write_all(&[BANNER, &[0xff; 4096]].concat()).unwrap();
        read_to_end(stream);
    });
    let error = connect(server.address).await;
    assert!(matches!(error, SshError::Handshake { .. }), "{error}");
    server.thread.join().unwrap();
}

/// libssh2 would keep these packets, of a type that it does not know.
#[tokio::test]
async fn flood_of_packets_ends_the_login() {
    let server = server(|listener| {
        let mut stream = accept(listener);
        stream.write_all(BANNER).unwrap();
        let (payload, padding) = ([200; 30_000], [0; 11]);
        let length = u32::try_from(1 + payload.len() + padding.len()).unwrap().to_be_bytes();
        let packet = [&length, [11].as_slice(), &payload, &padding].concat();
        while stream.write_all(&packet).is_ok() {}
    });
    let error = connect(server.address).await;
    assert!(matches!(&error, SshError::Handshake { reason, .. } if reason.contains("floods")), "{error}");
    server.thread.join().unwrap();
}

#[tokio::test]
async fn dropped_attempt_closes_its_connection_before_the_banner() {
    let (accepted, point) = oneshot::channel();
    let server = server(move |listener| {
        let stream = accept(listener);
        accepted.send(()).unwrap();
        read_to_end(stream);
    });
    cancel(server.address, point).await;
    server.thread.join().unwrap();
}

#[tokio::test]
async fn dropped_attempt_ends_its_thread_during_the_login() {
    let (begun, point) = oneshot::channel();
    let server = server(move |listener| {
        let mut stream = accept(listener);
        stream.write_all(BANNER).unwrap();
        read_some(&mut stream);
        begun.send(()).unwrap();
        // Its thread owns the connection.
        read_to_end(stream);
    });
    cancel(server.address, point).await;
    server.thread.join().unwrap();
}

#[tokio::test]
async fn key_and_host_key_are_checked_before_the_server_is_sought() {
    let (mut endpoint, key) = endpoint((Ipv4Addr::LOCALHOST, 9).into());
    drop(key);
    assert!(matches!(Client::connect(&endpoint, LONG).await, Err(SshError::Key { .. })));
    endpoint.host_key = "ssh-rsa AAAA".to_owned();
    assert!(matches!(Client::connect(&endpoint, LONG).await, Err(SshError::NoHostKey { .. })));
}
