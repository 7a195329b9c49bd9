"""What clients speak: VSI, REST, settings, the command line. Contains no call logic."""
