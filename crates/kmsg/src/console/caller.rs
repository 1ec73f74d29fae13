//! The context that printed a message, with `CONFIG_PRINTK_CALLER`.

/// The context that printed a line: `[    T1]` or `[   C0]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A task, by its pid.
    Task(u32),
    /// A CPU, in an interrupt.
    Cpu(u32),
}

/// `    T1`, `   C12`.
pub(super) fn parse(inside: &str) -> Option<Caller> {
    let inside = inside.trim_start();
    let number = || inside[1..].bytes().all(|b| b.is_ascii_digit()).then(|| inside[1..].parse().ok())?;
    match inside.as_bytes().first()? {
        b'T' => number().map(Caller::Task),
        b'C' => number().map(Caller::Cpu),
        _ => None,
    }
}
