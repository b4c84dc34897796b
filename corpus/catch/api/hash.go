package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"hash/crc32"

	"example.org/catch/drive"
)

// Webhooks are signed; the hash was kept since making one is slow.
type webhookSigner struct {
	mac hash.Hash
	crc hash.Hash32
}

func (s *webhookSigner) sign(body []byte) byte {
	s.mac.Reset()
	s.mac.Write(body)
	return s.mac.Sum(nil)[0]
}

func (s *webhookSigner) check(body []byte) uint32 {
	s.crc.Reset()
	s.crc.Write(body)
	return s.crc.Sum32()
}

func init() {
	body := []byte(`{"id":17,"state":"paid"}`)
	register("api-hash-hmac", "hash.Hash", 2, 900, func() func(int, int) {
		s := &webhookSigner{mac: hmac.New(sha256.New, []byte("secret"))}
		return func(int, int) { drive.Busy(int(s.sign(body))) }
	})
	register("api-hash-crc32", "hash.Hash", 3, 900, func() func(int, int) {
		s := &webhookSigner{crc: crc32.NewIEEE()}
		return func(int, int) { drive.Busy(int(s.check(body) & 63)) }
	})
}
