package ci

import (
	"os"
	"path/filepath"
	"testing"
)

// What the image holds, copied into another image, starts there with nothing of that one but a shell.
func TestProgramOfTheImageStartsElsewhere(t *testing.T) {
	folder := workspace(t)
	image := filepath.Join(folder, "opt/plimsoll")
	expectStatus(t, command(t, folder, nil, filepath.Join(root, "scripts/rootfs"), filepath.Join(bin, "plimsoll"), image), 0)
	script := filepath.Join(root, "scripts/ci/plimsoll")
	if err := os.Symlink("/bin/sh", filepath.Join(folder, "bin/sh")); err != nil {
		t.Fatal(err)
	}
	there := map[string]string{"PLIMSOLL_ROOT": image, "PATH": filepath.Join(folder, "bin")}
	got := command(t, folder, there, "/bin/sh", script, "check", "examples/web.yaml")
	expectStatus(t, got, 1)
	expect(t, "the report", got.stdout, "[drop-all")
	expectStatus(t, command(t, folder, there, "/bin/sh", script, "check", "examples", "-t", "privileged"), 0)

	there["PLIMSOLL_ROOT"] = folder
	got = command(t, folder, there, "/bin/sh", script, "version")
	expectStatus(t, got, 2)
	expect(t, "stderr", got.stderr, "plimsoll: "+folder+" holds no image of Plimsoll\n")
}
