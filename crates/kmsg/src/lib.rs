//! Reads what a Linux kernel prints: console bytes → lines → messages → reports with titles.
//!
//! A kernel in trouble says so on its console: oopses, panics, lockups, hung tasks, RCU stalls, OOM kills, sanitizers' and lockdep's
//! reports, in words that differ between architectures and versions from 2.6 on. This crate finds these reports in a log of any size
//! and origin (serial console, `dmesg`, journal, `/dev/kmsg`, netconsole, mail, what collectors wrap them in), puts each together
//! from its lines, and gives it a title that is the same from boot to boot, so that two nights can be compared.
//!
//! ```
//! use kmsg::signature::{Log, ReportKind};
//!
//! let mut log = Log::default();
//! log.push(b"[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000010\n");
//! log.push(b"[    1.000001] RIP: 0010:tipc_sk_lookup+0x131/0xfa0\n[    1.000002] Call Trace:\n");
//! log.push(b"[    1.000003] Kernel panic - not syncing: Fatal exception\n");
//! let found = log.finish();
//! assert_eq!(found.kind, ReportKind::Oops);
//! assert_eq!(found.title, "kernel NULL pointer dereference in tipc_sk_lookup");
//! assert_eq!(found.also, [ReportKind::Panic]);
//! ```
//!
//! # A live console
//!
//! [`console::Console`] cuts a byte stream into lines; [`signature::Reader`] reads them, and passes on each message with its
//! [`signature::Finding`] while the report is still being printed. [`signature::Log`] is both in one, for whole logs.
//!
//! ```
//! use kmsg::console::{Console, Item};
//! use kmsg::signature::{Finding, Reader};
//!
//! let (mut console, mut reader, mut items) = (Console::default(), Reader::default(), Vec::new());
//! console.push(b"[    9.5] fo", &mut items);
//! console.push(b"o\n[    9.500000] Out of memory: Killed process 26 (hog) total-vm:6228kB\n", &mut items);
//! let mut killed = None;
//! for (number, item) in (1..).zip(items) {
//!     let Item::Line(line) = item else { continue };
//!     reader.push(number, &line, |message| {
//!         if let Some(Finding::OomKilled(task)) = message.finding {
//!             killed = Some((message.printk.guest_s, task.pid));
//!         }
//!     });
//! }
//! assert_eq!(killed, Some((Some(9.5), 26)));
//! assert_eq!(reader.finish().title, "OOM kill of hog");
//! ```
//!
//! # Parts
//!
//! - `container`: what collectors wrap logs in; [`signature::Log`] takes logs out of it.
//! - [`console`]: bytes to lines, and the prefixes of lines ([`console::printk`]).
//! - [`signature`]: what messages say, reports, titles. One signature a file; each has a log that it hits and one that it misses.
//! - [`trace`]: lines of call traces.
//! - [`functions`]: what kernel functions do, from one table.
//!
//! Input is hostile: no function panics, and memory is bounded for any input. The crate does no I/O.

pub mod console;
mod container;
pub mod functions;
pub mod signature;
mod symbol;
mod task;
mod text;
pub mod trace;

pub use task::{Task, TaskRef};
