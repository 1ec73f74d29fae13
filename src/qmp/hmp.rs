//! Commands of QEMU's human monitor and what they print (QEMU, `docs/system/monitor.rst`). QMP carries them in
//! `human-monitor-command`.

/// The command that prints `bytes` bytes, rounded up to a multiple of 8, at a virtual address.
pub fn examine_memory(address: u64, bytes: usize) -> String {
    format!("x/{}xg {address:#x}", bytes.div_ceil(8))
}

/// The command that lists the connections of user networks (QEMU, `net/slirp.c`, libslirp `slirp_connection_info()`).
pub const USERNET: &str = "info usernet";

/// The port of the host that the user network of this id forwards, in the output of [`USERNET`].
pub fn forwarded_port(text: &str, network: &str) -> Option<u16> {
    // Each network has a heading, `Hub -1 (<id>):` or `<id>:`; then protocol[state], descriptor, source address, source port, destination.
    let own = text.lines().skip_while(|line| !(line.contains(network) && line.trim_end().ends_with(':'))).skip(1);
    let mut own = own.take_while(|line| !line.trim_end().ends_with(':'));
    let line = own.find(|line| line.trim_start().starts_with("TCP[HOST_FORWARD]"))?;
    line.split_ascii_whitespace().nth(3)?.parse().ok()
}

/// The bytes in the output of [`examine_memory`], up to the first unreadable one.
pub fn parse_memory(text: &str) -> Vec<u8> {
    let words = text.lines().map_while(|line| Some(line.split_once(": ")?.1)).flat_map(str::split_ascii_whitespace);
    words.map_while(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()).flat_map(u64::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn memory_output_is_parsed_up_to_a_hole() {
        assert_eq!(examine_memory(0xffff_ffff_8000_0000, 64), "x/8xg 0xffffffff80000000");
        let text =
            "ffffffff80000000: 0x0807060504030201 0x000000000000000f\r\nffffffff80000010: Cannot access memory\r\n";
        assert_eq!(parse_memory(text), [1, 2, 3, 4, 5, 6, 7, 8, 15, 0, 0, 0, 0, 0, 0, 0]);
        assert!(parse_memory("Cannot access memory\r\n").is_empty());
    }

    #[test]
    fn forwarded_port_is_that_of_the_host() {
        let text = "Hub -1 (net0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n  \
                    TCP[ESTABLISHED]  12       127.0.0.1 40007       10.0.2.15    22     0     0\r\n  \
                    TCP[HOST_FORWARD]  3       127.0.0.1 35151       10.0.2.15    22     0     0\r\n";
        assert_eq!(forwarded_port(text, "net0"), Some(35151));
        assert_eq!(forwarded_port(text, "other"), None);
        assert_eq!(forwarded_port(&format!("Hub -1 (own):\r\n{text}"), "own"), None);
        assert_eq!(forwarded_port("Hub -1 (net0):\r\n", "net0"), None);
    }

    proptest! {
        #[test]
        fn parsers_never_panic(text in "(0x|: |\r\n|[0-9a-fé ]){0,60}") {
            parse_memory(&text);
            forwarded_port(&text, "0");
        }
    }
}
