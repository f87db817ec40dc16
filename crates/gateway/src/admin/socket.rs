//! The socket for commands, `DATA/admin.sock`: whoever may open it is the operator.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, SockAddr, Socket, Type};

/// The bound socket.
#[derive(Debug)]
pub(super) struct CommandSocket {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

/// The socket's file, removed when this is dropped.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

/// Where the socket of the data folder `data` is.
pub fn path_in(data: &Path) -> PathBuf {
    data.join("admin.sock")
}

impl CommandSocket {
    /// Binds the socket, for its owner only. One that an ended gateway left behind is replaced.
    pub(super) fn bind(data: &Path) -> io::Result<Self> {
        let path = path_in(data);
        check_length(&path)?;
        clear(&path)?;
        let listener = listen(&path).map_err(|fault| {
            io::Error::new(fault.kind(), format!("cannot make the socket for commands {}: {fault}", path.display()))
        })?;
        Ok(Self { listener, file: SocketFile(path) })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // One that cannot be removed is replaced at the next start.
        let _ = fs::remove_file(&self.0);
    }
}

/// `sockaddr_un` has room for 108 bytes on Linux (unix(7)) and 104 elsewhere, the closing zero included.
fn check_length(path: &Path) -> io::Result<()> {
    let room = if cfg!(target_os = "linux") { 107 } else { 103 };
    let length = path.as_os_str().as_bytes().len();
    if length <= room {
        return Ok(());
    }
    let message = format!(
        "the data folder's name is too long for a socket: {} has {length} bytes and {room} are allowed; \
         name a shorter folder with `--data DIR`, or a relative one",
        path.display()
    );
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Removes a socket that nobody answers any more.
fn clear(path: &Path) -> io::Result<()> {
    let file_type = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(other) => return Err(other),
    };
    if !file_type.is_socket() {
        let message =
            format!("{} is in the way: move it elsewhere; a socket for commands belongs there", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    match UnixStream::connect(path) {
        Ok(_) => {
            let message = format!(
                "a gateway that runs already answers at {}: stop it, or name another folder with `--data DIR`",
                path.display()
            );
            Err(io::Error::new(io::ErrorKind::AddrInUse, message))
        }
        Err(_) => fs::remove_file(path),
    }
}

/// Nobody can connect before `listen`, and by then the file is its owner's alone.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

const BACKLOG: i32 = 64;
