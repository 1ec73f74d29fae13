//! The command line: one file per subcommand.

<<<<<<< HEAD
pub mod kernel;
=======
pub mod doctor;
>>>>>>> h-reports
