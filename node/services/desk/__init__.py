"""The regional office's desk: what waits to be verified, what was asked, how timely members are, what is new."""
