//! /proc/vmstat: the kernel's event counters.

use super::proc_file::lines;

macro_rules! vmstat {
    ($($(#[$doc:meta])* $field:ident = $name:literal,)*) => {
        /// The counters of /proc/vmstat that Memtide uses; `None` is one this kernel lacks.
        ///
        /// They count since the start of the machine. Source: proc_vmstat(5).
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Vmstat {
            $($(#[$doc])* pub $field: Option<u64>,)*
        }

        impl Vmstat {
            /// Reads the text of /proc/vmstat; lines it doesn't know are left out.
            #[must_use]
            pub fn parse(text: &[u8]) -> Self {
                let mut vmstat = Self::default();
                for line in lines(text) {
                    let Some((name, value)) = line.split_once(' ') else { continue };
                    match name {
                        $($name => vmstat.$field = value.trim().parse().ok(),)*
                        _ => {}
                    }
                }
                vmstat
            }

            /// The counts since `before`; a counter unknown at either end stays unknown.
            #[must_use]
            pub fn since(&self, before: &Self) -> Self {
                Self {
                    $($field: self.$field.zip(before.$field)
                        .map(|(after, before)| after.saturating_sub(before)),)*
                }
            }
        }
    };
}

vmstat! {
    /// KiB read from disks.
    pgpgin = "pgpgin",
    /// KiB written to disks.
    pgpgout = "pgpgout",
    /// Pages read from swap.
    pswpin = "pswpin",
    /// Pages written to swap.
    pswpout = "pswpout",
    /// Page faults.
    pgfault = "pgfault",
    /// Page faults that read from a disk.
    pgmajfault = "pgmajfault",
    /// File pages read again after they were reclaimed.
    workingset_refault_file = "workingset_refault_file",
    /// Anonymous pages read again after they were reclaimed.
    workingset_refault_anon = "workingset_refault_anon",
    /// Records of reclaimed pages that were themselves reclaimed, each of up to 64 pages: those
    /// pages come back uncounted.
    workingset_nodereclaim = "workingset_nodereclaim",
    /// Pages reclaimed by the kernel's own thread.
    pgsteal_kswapd = "pgsteal_kswapd",
    /// Pages reclaimed by programs that had to wait for memory.
    pgsteal_direct = "pgsteal_direct",
    /// Pages reclaimed because someone asked for it.
    pgsteal_proactive = "pgsteal_proactive",
    /// Programs killed for want of memory.
    oom_kill = "oom_kill",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_read_and_subtract() {
        let before = Vmstat::parse(b"pgpgin 100\npgfault 7\nnr_free_pages 3\n");
        let after = Vmstat::parse(b"pgpgin 150\npgfault 7\npswpin 1\n");
        let since = after.since(&before);
        assert_eq!((since.pgpgin, since.pgfault, since.pswpin), (Some(50), Some(0), None));
    }
}
