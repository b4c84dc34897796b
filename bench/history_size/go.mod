module bench.example/history_size

go 1.22
