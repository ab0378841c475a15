"""Settings: which source wins, what is allowed, and how a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.config.load import load_config
from mesh.config.paths import Paths
from mesh.config.values import DEFAULT_PORT, read_endpoint
from mesh.errors import BadConfig, ExitCode

EXAMPLE = """
name = "render7"
tags = ["fast", "gpu"]
threads = 8
seeds = ["10.0.0.5", "render.example:7500"]
[site]
path = "paris/floor2"
[listen]
port = 7411
[discovery]
deny = ["docker0"]
[cache]
limit = "500 GB"
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "mesh.toml"
    file.write_text(text)
    return file


def test_without_a_file_and_flags_there_are_defaults_and_a_name() -> None:
    config = load_config(Path("/nonexistent/mesh.toml"))
    assert config.listen.port == DEFAULT_PORT
    assert config.name
    assert config.render_threads >= 1


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, EXAMPLE))
    assert (config.name, config.tags, config.threads) == ("render7", ("fast", "gpu"), 8)
    assert config.seeds == (("10.0.0.5", DEFAULT_PORT), ("render.example", 7500))
    assert (config.site.path, config.listen.port, config.cache.limit) == ("paris/floor2", 7411, 500 * 10**9)
    assert config.discovery.deny == ("docker0",)


def test_blocks_are_in_the_data_folder_or_where_the_settings_say(tmp_path: Path) -> None:
    paths = Paths(tmp_path, tmp_path)
    assert paths.blocks(load_config(None).cache) == tmp_path / "blocks"
    config = load_config(written(tmp_path, "[cache]\nfolder = '/mnt/large/mesh'"))
    assert paths.blocks(config.cache) == Path("/mnt/large/mesh")


def test_flags_go_before_the_file_and_none_is_no_flag(tmp_path: Path) -> None:
    flags = {"listen.port": 0, "name": None, "tags": "a,b"}
    config = load_config(written(tmp_path, EXAMPLE), flags)
    assert (config.listen.port, config.name, config.tags) == (0, "render7", ("a", "b"))


@pytest.mark.parametrize(
    ("text", "field", "hint"),
    [
        ("nmae = 'x'", "nmae", "Did you mean name"),
        ("[listen]\nprot = 1", "listen.prot", "Did you mean port?"),
        ("[listen]\nport = 70000", "listen.port", "a whole number from 0 to 65535"),
        ("[listen]\nport = true", "listen.port", "a whole number"),
        ("listen = 3", "listen", "Write [listen]"),
        ("name = 'two words'", "name", "letters, digits"),
        ("headless = 'yes'", "headless", "true or false"),
        ("log_level = 'loud'", "log_level", "one of debug, info, warning, error"),
        ("[site]\npath = '/paris/'", "site.path", "a slash path such as paris/floor2"),
        ("seeds = ['a:0']", "seeds", "HOST or HOST:PORT"),
        ("[jobs]\naudit_percent = 200", "jobs.audit_percent", "a number from 0 to 100"),
        ("[jobs]\nkeep_days = true", "jobs.keep_days", "a number from 0.01 to 3650"),
        ("[cache]\nlimit = '20 beans'", "cache.limit", "such as 20 GB"),
        ("[cache]\nfolder = 'blocks'", "cache.folder", "such as /mnt/large/mesh"),
        ("[cache]\nlimit = '1 kB'", "cache.limit", "64 MiB or more"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file_and_what_is_allowed(
    tmp_path: Path, text: str, field: str, hint: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(BadConfig) as error:
        load_config(file)
    assert error.value.exit_code == ExitCode.USAGE
    assert f"The setting {field} in {file} is wrong" in str(error.value)
    assert hint in str(error.value)


@pytest.mark.parametrize("text", ["= 3", "name = ", "[listen", "\udcff"])
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mesh.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadConfig, match=r"mesh\.toml is wrong"):
        load_config(file)


def test_a_wrong_flag_names_the_command_line() -> None:
    with pytest.raises(BadConfig, match="The setting threads in the command line is wrong: it is -1"):
        load_config(None, {"threads": -1})


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20 GB", 20 * 10**9),
        ("20GiB", 20 * 2**30),
        ("1.5 tb", 1_500 * 10**9),
        ("100000000", 10**8),
        ("128 M", 128 * 10**6),
    ],
)
def test_sizes_have_si_and_binary_prefixes(text: str, size: int) -> None:
    assert load_config(None, {"cache.limit": text}).cache.limit == size


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("render1", ("render1", DEFAULT_PORT)),
        ("10.0.0.1:80", ("10.0.0.1", 80)),
        ("[fe80::1%eth0]:7500", ("fe80::1%eth0", 7500)),
        ("[::1]", ("::1", DEFAULT_PORT)),
    ],
)
def test_an_endpoint_is_a_host_and_perhaps_a_port(text: str, endpoint: tuple[str, int]) -> None:
    assert read_endpoint(text) == endpoint


@given(st.text())
def test_any_text_is_an_endpoint_or_refused(text: str) -> None:
    try:
        host, port = read_endpoint(text)
    except ValueError:
        return
    assert host
    assert 0 < port < 65536


@given(
    st.dictionaries(
        st.sampled_from(["name", "threads", "tags", "cache", "link", "zzz"]), st.integers() | st.text()
    )
)
def test_any_flags_are_read_or_refused_in_one_sentence(flags: dict[str, object]) -> None:
    said = "The setting "
    try:
        load_config(None, flags)
    except BadConfig as error:
        said = str(error)
    assert said.startswith("The setting ")


def test_mesh_home_is_both_folders(tmp_path: Path) -> None:
    paths = Paths.locate({"MESH_HOME": str(tmp_path)})
    assert paths.config_file == tmp_path / "mesh.toml"
    assert paths.control_token.parent == paths.identity.parent == tmp_path


def test_without_mesh_home_config_and_data_are_the_platform_s() -> None:
    paths = Paths.locate({})
    assert paths.config != paths.home
    assert paths.config.name == paths.home.name == "mesh"
