"""The commands of `watchbill`, one file each."""
