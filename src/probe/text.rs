//! Findings as text tables.

use model::{Memory, Profile, Spot};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A profile over time: a row a function, a column a part, in percent of the part's samples.
pub(super) fn profile(parts: &[Profile]) -> String {
    let mut out = String::new();
    let (samples, span_ms) =
        parts.iter().fold((0, 0), |(samples, ms), part| (samples + part.samples, ms + part.span_ms));
    let _ =
        writeln!(out, "{samples} samples of single vCPUs in {:.1} s, in percent of each part\n", span_ms as f64 / 1e3);
    let ends = parts.iter().scan(0, |end, part| {
        *end += part.span_ms;
        Some(*end)
    });
    let heads: String = ends.map(|end| format!("{:>8}", format!("{:.1} s", end as f64 / 1e3))).collect();
    let _ = writeln!(out, "{:40}{heads}", "until");
    let mut row = |name: &str, count: &dyn Fn(&Profile) -> u32, whole: &dyn Fn(&Profile) -> u32| {
        if parts.iter().all(|part| count(part) == 0) {
            return;
        }
        let cells: String = parts
            .iter()
            .map(|part| format!("{:>8.0}", 100.0 * f64::from(count(part)) / f64::from(whole(part).max(1))))
            .collect();
        let _ = writeln!(out, "{name:40}{cells}");
    };
    let samples = |part: &Profile| part.samples;
    row("(outside the kernel)", &|part| part.user, &samples);
    row("(idle)", &|part| part.idle, &samples);
    row("(in the kernel, interrupts off)", &|part| part.irqs_off, &samples);
    for name in names(parts, |part| &part.spots) {
        row(&name, &|part| count(&part.spots, &name), &samples);
    }
    let stacks: u32 = parts.iter().map(|part| part.stacks).sum();
    if stacks > 0 {
        let _ = writeln!(
            out,
            "\non {stacks} stacks of busy vCPUs, in percent of the stacks; may hold leftovers of earlier calls"
        );
        let mut row = |name: &str| {
            let cells: String = parts
                .iter()
                .map(|part| {
                    format!("{:>8.0}", 100.0 * f64::from(count(&part.callers, name)) / f64::from(part.stacks.max(1)))
                })
                .collect();
            let _ = writeln!(out, "{name:40}{cells}");
        };
        names(parts, |part| &part.callers).iter().for_each(|name| row(name));
    }
    out
}

/// The functions of all parts, those with the most samples first.
fn names(parts: &[Profile], of: impl Fn(&Profile) -> &Vec<Spot>) -> Vec<String> {
    let mut sums: BTreeMap<&str, u32> = BTreeMap::new();
    for spot in parts.iter().flat_map(of) {
        *sums.entry(spot.symbol.as_str()).or_default() += spot.samples;
    }
    let mut sums: Vec<(&str, u32)> = sums.into_iter().collect();
    sums.sort_by_key(|(_, samples)| std::cmp::Reverse(*samples));
    sums.into_iter().map(|(name, _)| name.to_owned()).collect()
}

fn count(spots: &[Spot], name: &str) -> u32 {
    spots.iter().find(|spot| spot.symbol == name).map_or(0, |spot| spot.samples)
}

/// Zones with their watermarks, then the LRU lists.
pub(super) fn memory(memory: &Memory) -> String {
    let mut out = format!("free {} KiB", memory.free_kib);
    if let Some(cma) = memory.free_cma_kib.filter(|cma| *cma > 0) {
        let _ = write!(out, ", {cma} KiB of it of CMA, for movable allocations only");
    }
    out.push_str("\n\n");
    if !memory.zones.is_empty() {
        let _ = writeln!(out, "{:12}{:>12}{:>12}{:>12}{:>12}", "zone, KiB", "free", "min", "low", "high");
    }
    for zone in &memory.zones {
        let free = zone.free_kib.map_or("?".to_owned(), |free| free.to_string());
        let (min, low, high) = (zone.min_kib, zone.low_kib, zone.high_kib);
        let _ = writeln!(out, "{:12}{free:>12}{min:>12}{low:>12}{high:>12}", zone.name);
    }
    out.push('\n');
    for (name, kib) in &memory.lru_kib {
        let _ = writeln!(out, "{name:16}{kib:>8} KiB");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Zone;

    fn part(spots: &[(&str, u32)], user: u32) -> Profile {
        let spots = spots.iter().map(|(symbol, samples)| Spot { symbol: (*symbol).to_owned(), samples: *samples });
        Profile { span_ms: 500, samples: 10, user, spots: spots.collect(), ..Profile::default() }
    }

    #[test]
    fn profile_has_a_column_per_part() {
        let first = Profile {
            stacks: 2,
            callers: vec![Spot { symbol: "vfs_write".to_owned(), samples: 1 }],
            ..part(&[("shrink_slab", 8)], 2)
        };
        let text = profile(&[first, part(&[("shrink_slab", 1), ("out_of_memory", 9)], 0)]);
        let expected = "20 samples of single vCPUs in 1.0 s, in percent of each part\n\n\
            until                                      0.5 s   1.0 s\n\
            (outside the kernel)                          20       0\n\
            out_of_memory                                  0      90\n\
            shrink_slab                                   80      10\n\n\
            on 2 stacks of busy vCPUs, in percent of the stacks; may hold leftovers of earlier calls\n\
            vfs_write                                     50       0\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn memory_has_a_row_per_zone_and_list() {
        let zone = Zone { name: "DMA32".to_owned(), free_kib: None, min_kib: 4, low_kib: 5, high_kib: 6 };
        let text = memory(&Memory {
            free_kib: 7,
            free_cma_kib: Some(2),
            zones: vec![zone],
            lru_kib: vec![("active_file".to_owned(), 12)],
        });
        let expected = "free 7 KiB, 2 KiB of it of CMA, for movable allocations only\n\n\
            zone, KiB           free         min         low        high\n\
            DMA32                  ?           4           5           6\n\n\
            active_file           12 KiB\n";
        assert_eq!(text, expected);
    }
}
