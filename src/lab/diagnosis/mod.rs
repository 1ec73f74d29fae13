//! What a good colleague at the machine would collect once a guest has hung or crashed. The verdict stands by then and is on
//! disk; nothing that happens here changes it.

mod conduct;
