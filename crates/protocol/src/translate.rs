//! Any dialect to any other: the decoders and encoders of all of them behind one door.

mod follower;
mod hold;
mod manner;
mod places;
mod shadow;
mod stream;

pub use follower::{Follower, scan_answer};
pub use hold::Hold;
pub use manner::{
    Manner, decode_answer, decode_error, decode_request, encode_answer, encode_error, encode_request, status,
    turned_tools, write_answer, write_request,
};
pub use places::locate;
pub use shadow::Shadow;
pub use stream::{StreamDecoder, StreamEncoder, Translation};
