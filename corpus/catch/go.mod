module example.org/catch

go 1.21
