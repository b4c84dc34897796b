module racer.example/racer

go 1.22
