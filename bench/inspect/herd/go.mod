module herd

go 1.21
