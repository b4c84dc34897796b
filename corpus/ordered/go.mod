module example.org/ordered

go 1.21
