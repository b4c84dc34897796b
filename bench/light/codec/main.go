// Command codec encodes and decodes a small struct, in one goroutine.
package main

import (
	"encoding/json"

	"example.com/bench/meter"
)

type product struct {
	Name  string   `json:"name"`
	Price float64  `json:"price"`
	Tags  []string `json:"tags"`
	Stock int      `json:"stock"`
}

func main() {
	meter.Run(func() {
		for i := 0; i < 60000; i++ {
			b, err := json.Marshal(product{"kettle", 24.9, []string{"kitchen", "steel"}, i})
			if err != nil {
				panic(err)
			}
			var p product
			if json.Unmarshal(b, &p) != nil || p.Stock != i {
				panic("codec")
			}
		}
	})
}
