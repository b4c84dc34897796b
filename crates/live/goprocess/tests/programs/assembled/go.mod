module assembled

go 1.21
