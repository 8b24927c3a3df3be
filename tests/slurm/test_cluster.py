"""The throw-away cluster itself."""

from conftest import tiny_study


def test_x(slurm, tmp_path):
    assert tiny_study(tmp_path)
    print(slurm.run("sinfo").stdout)
    slurm.run("sbatch", "-o", "/dev/null", "--wrap", "sleep 100")
