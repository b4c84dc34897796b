module values

go 1.21
