//! Runs of the simulator.
