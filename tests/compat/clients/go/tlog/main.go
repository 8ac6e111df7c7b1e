// Verifies a ledger with the implementation behind Go's checksum database, which knows nothing of Sluice: the signed checkpoint, the
// tiles, every entry's inclusion, and that each earlier size is a beginning of the log. Of bundles that were pruned it checks the hashes.
//
//	tlog <directory> <verifier key> [<earlier checkpoint>...]
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// The files of a log whose tiles are 256 hashes wide.
type files struct{ directory string }

func (files) Height() int { return height }

func (files) SaveTiles([]tlog.Tile, [][]byte) {}

// Where C2SP has a tile: as the checksum database, without the height.
func (f files) path(tile tlog.Tile) string {
	return filepath.Join(f.directory, strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1))
}

func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		bytes, err := os.ReadFile(f.path(tile))
		if errors.Is(err, os.ErrNotExist) && tile.W < 1<<height {
			full := tile
			full.W = 1 << height
			if bytes, err = os.ReadFile(f.path(full)); err == nil {
				bytes = bytes[:tile.W*tlog.HashSize]
			}
		}
		if err != nil {
			return nil, err
		}
		data[i] = bytes
	}
	return data, nil
}

func (f files) entries(index, size int64) ([][]byte, error) {
	width := int64(1 << height)
	if rest := size - index*width; rest < width {
		width = rest
	}
	tile := tlog.Tile{H: height, L: -1, N: index, W: int(width)}
	path := strings.Replace(f.path(tile), "tile/data/", "tile/entries/", 1)
	bytes, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		bytes, err = os.ReadFile(strings.Split(path, ".p/")[0])
	}
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for int64(len(entries)) < width {
		if len(bytes) < 2 || len(bytes) < 2+int(binary.BigEndian.Uint16(bytes)) {
			return nil, fmt.Errorf("%s ends too early", path)
		}
		end := 2 + int(binary.BigEndian.Uint16(bytes))
		entries = append(entries, bytes[2:end])
		bytes = bytes[end:]
	}
	return entries, nil
}

func tree(text []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("the checkpoint is of the log %s", lines[0])
	}
	var size int64
	if _, err := fmt.Sscanf(lines[1], "%d", &size); err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

func verify(directory, key string, earlier []string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(directory, "checkpoint"))
	if err != nil {
		return err
	}
	head, err := tree(text, verifier)
	if err != nil {
		return err
	}
	log := files{directory}
	hashes := tlog.TileHashReader(head, log)
	pruned := 0
	for index := int64(0); index<<height < head.N; index++ {
		entries, err := log.entries(index, head.N)
		if errors.Is(err, os.ErrNotExist) && (index+1)<<height <= head.N {
			// The reader holds each hash against the tiles above it, up to the root.
			for id := index << height; id < (index+1)<<height; id++ {
				if _, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, id)}); err != nil {
					return err
				}
				pruned++
			}
			continue
		}
		if err != nil {
			return err
		}
		for i, entry := range entries {
			id := index<<height + int64(i)
			proof, err := tlog.ProveRecord(head.N, id, hashes)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, head.N, head.Hash, id, tlog.RecordHash(entry)); err != nil {
				return fmt.Errorf("entry %d: %w", id, err)
			}
		}
	}
	for _, name := range earlier {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		old, err := tree(text, verifier)
		if err != nil {
			return err
		}
		if old.N == 0 {
			continue
		}
		proof, err := tlog.ProveTree(head.N, old.N, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, head.N, head.Hash, old.N, old.Hash); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	fmt.Printf("%d entries, %d earlier checkpoints, %d pruned\n", head.N, len(earlier), pruned)
	return nil
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "tlog <directory> <verifier key> [<earlier checkpoint>...]")
		os.Exit(2)
	}
	if err := verify(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
