//! Files that the user names: whatever lies at a path, reading it ends.

use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a regular file.
///
/// # Errors
/// When it cannot be opened, or is a folder, a device, a FIFO or a socket.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let (file, kind) = open(path)?;
    match kind {
        FileType::RegularFile => Ok(file),
        FileType::Fifo => Err(refused("it is a FIFO; copy its content into a file")),
        _ => Err(refused(wrong(kind))),
    }
}

/// Opens a regular file, or a FIFO that has a writer, such as a shell's `<(command)`.
///
/// # Errors
/// When it cannot be opened, is a folder, a device or a socket, or is a FIFO to which nothing writes.
pub fn open_stream(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let (mut file, kind) = open(path)?;
    match kind {
        FileType::RegularFile => Ok(Box::new(file)),
        FileType::Fifo => {
            // Without O_NONBLOCK, opening waits for a writer without a limit; with it, reading does not wait where there is none.
            let mut first = [0];
            let read = match file.read(&mut first) {
                Ok(0) => return Err(refused("it is a FIFO to which nothing writes; start its writer first")),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            };
            fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
            Ok(Box::new(Cursor::new(first).take(read as u64).chain(file)))
        }
        _ => Err(refused(wrong(kind))),
    }
}

/// Reads what [`open_stream`] opens, up to `max` bytes.
///
/// # Errors
/// See there; when it is longer; when it cannot be read.
pub fn read_stream(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    read(open_stream(path)?, max)
}

/// Reads a regular file of at most `max` bytes.
///
/// # Errors
/// See [`open_regular`]; when it is longer; when it cannot be read.
pub fn read_regular(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    read(open_regular(path)?, max)
}

fn read(source: impl Read, max: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    source.take(max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > max {
        return Err(refused(&format!("it has more than {} MiB", max >> 20)));
    }
    Ok(content)
}

fn open(path: &Path) -> io::Result<(File, FileType)> {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        // open(2): a socket, or a device without a driver.
        Some(code) if code == Errno::NXIO.raw_os_error() => refused("it is no file"),
        _ => error,
    })?;
    let kind = FileType::from_raw_mode(fstat(&file)?.st_mode);
    Ok((file, kind))
}

fn wrong(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "it is a folder; name a file",
        FileType::CharacterDevice | FileType::BlockDevice => "it is a device; copy its content into a file",
        _ => "it is no file",
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::io::Write;

    #[test]
    fn only_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let (fifo, socket, file) = (dir.path().join("fifo"), dir.path().join("socket"), dir.path().join("file"));
        mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::fs::write(&file, "text").unwrap();
        let refusal = |path: &Path| {
            let regular = open_regular(path).unwrap_err().to_string();
            (regular, read_stream(path, 1 << 20).unwrap_err().to_string())
        };
        let same = |text: &str| (text.to_owned(), text.to_owned());
        assert_eq!(refusal(dir.path()), same("it is a folder; name a file"));
        assert_eq!(refusal(Path::new("/dev/zero")), same("it is a device; copy its content into a file"));
        assert_eq!(refusal(&socket), same("it is no file"));
        assert_eq!(refusal(&fifo).1, "it is a FIFO to which nothing writes; start its writer first");
        assert_eq!(read_stream(&file, 4).unwrap(), b"text");
        assert!(read_stream(&file, 3).unwrap_err().to_string().contains("more than 0 MiB"));
    }

    #[test]
    fn fifo_with_a_writer_is_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
        // Opened for both, a FIFO does not wait for its other end (fifo(7)).
        let mut writer = std::fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
        writer.write_all(b"one ").unwrap();
        let mut stream = open_stream(&fifo).unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            stream.read_to_string(&mut text).map(|_| text)
        });
        writer.write_all(b"two").unwrap();
        drop(writer);
        assert_eq!(reader.join().unwrap().unwrap(), "one two");
    }
}
