//! Amounts of the resources that pods ask for and nodes offer.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::quantity::Quantity;

/// Resources by name, as written: `cpu: 500m`.
pub type ResourceList = BTreeMap<Name, Quantity>;

/// Resources in the units of the scheduler: milli-CPU, and whole units of everything else.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Resources {
    /// Thousandths of a CPU.
    pub milli_cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub ephemeral_storage: i64,
    /// Nodes only: how many pods are allowed.
    pub pods: i64,
    /// Extended resources, hugepages and attachable volumes, by name.
    pub scalar: Vec<(Name, i64)>,
}

impl Resources {
    /// The amounts of a list; CPU in thousandths and everything else in whole units, rounded up.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/types.go, `Resource.Add`
    pub fn of(list: &ResourceList) -> Resources {
        let mut sum = Resources::default();
        for (name, quantity) in list {
            match name.as_str() {
                "cpu" => sum.milli_cpu = quantity.milli_value(),
                "memory" => sum.memory = quantity.value(),
                "ephemeral-storage" => sum.ephemeral_storage = quantity.value(),
                "pods" => sum.pods = quantity.value(),
                _ => sum.scalar.push((name.clone(), quantity.value())),
            }
        }
        sum
    }

    /// The amount of one resource in the scheduler's unit; 0 when it is absent.
    pub fn get(&self, name: &str) -> i64 {
        match name {
            "cpu" => self.milli_cpu,
            "memory" => self.memory,
            "ephemeral-storage" => self.ephemeral_storage,
            "pods" => self.pods,
            _ => self.scalar.iter().find(|(n, _)| n == name).map_or(0, |(_, v)| *v),
        }
    }

    /// Changes every amount by that of `other` times `sign`.
    fn combine(&mut self, other: &Resources, sign: i64) {
        self.milli_cpu += sign * other.milli_cpu;
        self.memory += sign * other.memory;
        self.ephemeral_storage += sign * other.ephemeral_storage;
        self.pods += sign * other.pods;
        for (name, amount) in &other.scalar {
            match self.scalar.iter_mut().find(|(n, _)| n == name) {
                Some((_, have)) => *have += sign * amount,
                None => self.scalar.push((name.clone(), sign * amount)),
            }
        }
    }

    /// Adds the amounts of `other`.
    pub fn add(&mut self, other: &Resources) {
        self.combine(other, 1);
    }

    /// Takes the amounts of `other` away.
    pub fn subtract(&mut self, other: &Resources) {
        self.combine(other, -1);
    }

    /// Raises each amount to that of `other` where that is greater.
    pub fn raise_to(&mut self, other: &Resources) {
        self.milli_cpu = self.milli_cpu.max(other.milli_cpu);
        self.memory = self.memory.max(other.memory);
        self.ephemeral_storage = self.ephemeral_storage.max(other.ephemeral_storage);
        self.pods = self.pods.max(other.pods);
        for (name, amount) in &other.scalar {
            match self.scalar.iter_mut().find(|(n, _)| n == name) {
                Some((_, have)) => *have = (*have).max(*amount),
                None => self.scalar.push((name.clone(), *amount)),
            }
        }
    }
}
