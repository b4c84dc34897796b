module mapuse

go 1.21
