//! Who calls whom in the user's module, and so which functions need not be asked whether they run: those that only
//! functions nobody was seen in call.
//!
//! Calls through values (closures, methods of interfaces) are not seen here; what is only called so is a root. Start
//! at [`Calls::roots`].

use std::collections::HashMap;

use photofinish_goprocess::LinkAddr;

/// Direct calls between functions, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    callees: Vec<Vec<usize>>,
}

impl Calls {
    /// Of functions that begin at `entries`, in rising order; `calls` has the places of calls, by who is called.
    pub(crate) fn new(entries: &[LinkAddr], calls: &HashMap<LinkAddr, Vec<LinkAddr>>) -> Calls {
        let mut callees = vec![Vec::new(); entries.len()];
        for (target, places) in calls {
            let Ok(callee) = entries.binary_search(target) else { continue };
            for place in places {
                let caller = entries.partition_point(|entry| entry <= place).checked_sub(1);
                let Some(known) = caller.and_then(|caller| callees.get_mut(caller)) else {
                    continue;
                };
                if !known.contains(&callee) {
                    known.push(callee);
                }
            }
        }
        Calls { callees }
    }

    /// Whom function `caller` calls.
    pub(crate) fn callees(&self, caller: usize) -> &[usize] {
        self.callees.get(caller).map_or(&[], Vec::as_slice)
    }

    /// Of the functions that are not `used`, those that have to be asked: from them and from the used ones all
    /// others are called.
    pub(crate) fn roots(&self, used: &[bool]) -> Vec<usize> {
        let mut is_called = vec![false; self.callees.len()];
        for (caller, callees) in self.callees.iter().enumerate() {
            callees.iter().filter(|callee| **callee != caller).for_each(|at| is_called[*at] = true);
        }
        let mut is_reached = vec![false; self.callees.len()];
        let (mut roots, mut others) = (Vec::new(), Vec::new());
        for (function, is_called) in is_called.into_iter().enumerate() {
            let is_used = used.get(function).copied().unwrap_or(false);
            if is_called && !is_used {
                others.push(function);
                continue;
            }
            self.reach(function, &mut is_reached);
            if !is_used {
                roots.push(function);
            }
        }
        // Who call one another, and are called by nobody else.
        for function in others {
            if !is_reached[function] {
                self.reach(function, &mut is_reached);
                roots.push(function);
            }
        }
        roots
    }

    fn reach(&self, from: usize, is_reached: &mut [bool]) {
        let mut new = vec![from];
        while let Some(function) = new.pop() {
            if !std::mem::replace(&mut is_reached[function], true) {
                new.extend(self.callees(function));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_called_only_by_others_that_sleep_is_no_root() {
        // 0 calls 1, 1 calls 2 and itself; 3 and 4 call one another; 5 is used and calls 6.
        let entries: Vec<LinkAddr> = (0..7).map(|at| LinkAddr(at * 0x100)).collect();
        let pairs = [(0, 1), (1, 2), (1, 1), (3, 4), (4, 3), (5, 6)];
        let mut calls: HashMap<LinkAddr, Vec<LinkAddr>> = HashMap::new();
        for (caller, callee) in pairs {
            calls.entry(LinkAddr(callee * 0x100)).or_default().push(LinkAddr(caller * 0x100 + 9));
        }
        let calls = Calls::new(&entries, &calls);
        assert_eq!(calls.callees(1).len(), 2);
        let used = [false, false, false, false, false, true, false];
        assert_eq!(calls.roots(&used), [0, 3]);
    }
}
