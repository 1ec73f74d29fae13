//! Kernel images: formats that QEMU cannot load are unwrapped, and the release is read from the content.

use memchr::memmem;
use std::io::{self, Read};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// LZ4's legacy format, the only one that kernels use (`lib/decompress_unlz4.c`).
const LZ4: &[u8] = &[0x02, 0x21, 0x4c, 0x18];
/// The minimum size of a kernel, in bytes.
const MIN_KERNEL: usize = 256 << 10;
/// The maximum size of a kernel, in bytes; unpacking stops there.
const MAX_KERNEL: u64 = 512 << 20;
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];

/// The image as QEMU loads it. QEMU's riscv loader takes neither gzip nor the self-unpacking EFI image that Debian
/// ships for riscv64 and aarch64 (`drivers/firmware/efi/libstub/zboot-header.S`, Linux 6.1).
pub(crate) fn unwrap(image: Vec<u8>) -> io::Result<Vec<u8>> {
    match packed(&image) {
        Some(inner) => decompress(inner),
        None => Ok(image),
    }
}

/// The compressed kernel in an image; `None` if QEMU can load the image as it is.
fn packed(image: &[u8]) -> Option<&[u8]> {
    if image.starts_with(GZIP) {
        return Some(image);
    }
    if !image.starts_with(b"MZ") || image.get(4..8)? != b"zimg" {
        return None;
    }
    let word = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?) as usize);
    let (offset, size) = (word(8)?, word(12)?);
    image.get(offset..offset.checked_add(size)?)
}

/// Each compressed part of an image that may be the kernel, one after the other. A self-extracting image has
/// code in front of it (`arch/x86/boot`, `arch/arm/boot/compressed`).
pub(crate) fn unpacked(image: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    // The two bytes of the gzip magic are common in programs: the third one is the method, of which there is only deflate.
    let gzip = memmem::find_iter(image, b"\x1f\x8b\x08");
    let others = [XZ, ZSTD, LZ4].into_iter().flat_map(|magic| memmem::find_iter(image, magic));
    let starts = gzip.chain(others);
    starts.filter_map(|start| decompress(&image[start..]).ok()).filter(|content| content.len() >= MIN_KERNEL)
}

fn decompress(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    if data.starts_with(GZIP) {
        flate2::read::GzDecoder::new(data).take(MAX_KERNEL).read_to_end(&mut plain)?;
    } else if data.starts_with(ZSTD) {
        let decoder = ruzstd::decoding::StreamingDecoder::new(data).map_err(io::Error::other)?;
        decoder.take(MAX_KERNEL).read_to_end(&mut plain)?;
    } else if data.starts_with(LZ4) {
        plain = unpack_lz4(&data[LZ4.len()..]);
    } else if data.starts_with(XZ) {
        liblzma::read::XzDecoder::new(data).take(MAX_KERNEL).read_to_end(&mut plain)?;
    } else {
        return Err(io::Error::other("unknown compression"));
    }
    Ok(plain)
}

/// Blocks of LZ4, each behind its length, until one does not decompress.
fn unpack_lz4(mut data: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 8 << 20;
    let (mut plain, mut block) = (Vec::new(), vec![0; BLOCK]);
    while let Some((length, rest)) = data.split_first_chunk() {
        let Some((packed, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize) else { break };
        let Ok(length) = lz4_flex::block::decompress_into(packed, &mut block) else { break };
        plain.extend_from_slice(&block[..length]);
        data = rest;
        if length < BLOCK || plain.len() as u64 >= MAX_KERNEL {
            break;
        }
    }
    plain
}

/// The kernel release in an image; `None` when it is not found.
pub(crate) fn release(image: &[u8]) -> Option<String> {
    bzimage_release(image).or_else(|| banner_release(image))
}

/// `kernel_version` of the boot header (Documentation/arch/x86/boot.rst).
fn bzimage_release(image: &[u8]) -> Option<String> {
    if image.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let at = u16::from_le_bytes(image.get(0x20e..0x210)?.try_into().ok()?) as usize + 0x200;
    first_word(image.get(at..)?)
}

/// `linux_banner` (init/version.c) of an unpacked image.
fn banner_release(image: &[u8]) -> Option<String> {
    let marker = b"Linux version ";
    memmem::find_iter(image, marker)
        .filter_map(|at| first_word(&image[at + marker.len()..]))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
}

fn first_word(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().take(128).position(|byte| matches!(byte, b' ' | 0 | b'\n'))?;
    let word = std::str::from_utf8(&bytes[..end]).ok()?;
    (!word.is_empty() && word.is_ascii()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn wrapped_images_are_unwrapped() {
        let inner = b"the kernel, Linux version 7.2.13 (x)".to_vec();
        assert_eq!(unwrap(inner.clone()).unwrap(), inner);
        assert_eq!(unwrap(gzip(&inner)).unwrap(), inner);
        let packed = gzip(&inner);
        let mut zboot = b"MZ\0\0zimg".to_vec();
        zboot.extend(64u32.to_le_bytes());
        zboot.extend((packed.len() as u32).to_le_bytes());
        zboot.resize(64, 0);
        zboot.extend(&packed);
        zboot.extend([0; 100]);
        assert_eq!(unwrap(zboot.clone()).unwrap(), inner);
        zboot[64] = 0;
        assert!(unwrap(zboot).is_err());
    }

    #[test]
    fn release_is_found() {
        assert_eq!(release(b"xLinux version %s\0Linux version 6.1.176 (gcc)").as_deref(), Some("6.1.176"));
        assert_eq!(release(b"no kernel"), None);
        let mut bzimage = vec![0; 0x400];
        bzimage[0x202..0x206].copy_from_slice(b"HdrS");
        bzimage[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
        bzimage[0x300..0x30e].copy_from_slice(b"6.12.1-cloud (");
        assert_eq!(release(&bzimage).as_deref(), Some("6.12.1-cloud"));
    }
}
