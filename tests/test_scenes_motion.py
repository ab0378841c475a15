"""What moves: the node tree, keyframes, skins, morphs, cameras and lights at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mesh.scenes.description import LightKind
from mesh.scenes.errors import BadScene, NoSuchChoice
from mesh.scenes.matrices import compose, multiply
from tests.gltf_builder import TRIANGLE, Gltf, skinned, triangle

HALF = math.sqrt(0.5)


def where(snapshot, at=0):
    """An instance's translation."""
    return snapshot.instances[at].transform[:3, 3].tolist()


def test_a_child_moves_with_its_parent(tmp_path):
    gltf = triangle()
    gltf.json["nodes"][0]["translation"] = [1, 2, 3]
    parent = gltf.add("nodes", {"scale": [2, 2, 2], "rotation": [0, 0, 1, 0], "children": [0]})
    gltf.json["scenes"][0]["nodes"] = [parent]
    assert where(gltf.open(tmp_path).at(0.0)) == [-2, -4, 6]


def test_a_matrix_is_stored_column_by_column(tmp_path):
    gltf = triangle()
    gltf.json["nodes"][0]["matrix"] = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 7, 8, 9, 1]
    assert where(gltf.open(tmp_path).at(0.0)) == [7, 8, 9]


@pytest.mark.parametrize(
    ("interpolation", "rows", "values"),
    [
        ("STEP", [[0, 0, 0], [8, 0, 0]], {0.5: 0, 1.0: 0, 2.999: 0, 3.0: 8}),
        ("LINEAR", [[0, 0, 0], [8, 0, 0]], {0.5: 0, 1.0: 0, 1.5: 2, 2.0: 4, 3.0: 8}),
        # In-tangent, value, out-tangent for each key; half way: v0/2 + v1/2 + seconds * (out - in) / 8.
        (
            "CUBICSPLINE",
            [[9, 9, 9], [0, 0, 0], [4, 0, 0], [-4, 0, 0], [8, 0, 0], [9, 9, 9]],
            {0.5: 0, 1.0: 0, 2.0: 6, 3.0: 8},
        ),
    ],
)
def test_keyframes_are_interpolated(tmp_path, interpolation, rows, values):
    gltf = triangle()
    gltf.clip(0, "translation", [1.0, 3.0], rows, interpolation)
    scene = gltf.open(tmp_path)
    assert {time: where(scene.at(time))[0] for time in values} == values


def test_rotations_take_the_shorter_arc_at_even_speed(tmp_path):
    gltf = triangle()
    gltf.clip(0, "rotation", [0.0, 1.0], [[0, 0, 0, 1], [0, 0, -HALF, -HALF]])
    scene = gltf.open(tmp_path)
    for part in (0.25, 0.5, 0.75):
        angle = part * math.pi / 2.0
        x_axis = scene.at(part).instances[0].transform[:2, 0]
        assert x_axis == pytest.approx([math.cos(angle), math.sin(angle)], abs=1e-7)


@pytest.mark.parametrize(("time", "expected"), [(-1.0, 0), (0.0, 0), (1.5, 3), (2.0, 4), (2.5, 1), (6.5, 1)])
def test_a_clip_plays_over_and_over_and_shows_its_end_when_reached(tmp_path, time, expected):
    gltf = triangle()
    gltf.clip(0, "translation", [0.0, 2.0], [[0, 0, 0], [4, 0, 0]])
    scene = gltf.open(tmp_path)
    assert scene.duration == 2.0
    assert where(scene.at(time))[0] == expected


@pytest.mark.parametrize(
    ("time", "shift", "expected"),
    [(2.0, 0.5, 4), (2.0, -0.5, 3), (0.0, -0.5, 0), (2.5, -1.0, 0), (3.5, 1.0, 4), (3.5, 0.25, 3.5)],
)
def test_the_moments_of_one_frame_are_all_in_one_turn_of_the_clip(tmp_path, time, shift, expected):
    gltf = triangle()
    gltf.clip(0, "translation", [0.0, 2.0], [[0, 0, 0], [4, 0, 0]])
    assert where(gltf.open(tmp_path).at(time, shift))[0] == expected


def test_the_first_clip_plays_unless_another_is_named(tmp_path):
    gltf = triangle()
    for name, x in (("walk", 1), ("run", 2)):
        clip = gltf.clip(0, "translation", [0.0], [[x, 0, 0]])
        gltf.json["animations"][clip]["name"] = name
    assert where(gltf.open(tmp_path).at(0.0))[0] == 1
    assert where(gltf.open(tmp_path, clip="run").at(0.0))[0] == 2
    with pytest.raises(NoSuchChoice, match=r"no clip called 'fly'\. It has: walk, run"):
        gltf.open(tmp_path, clip="fly")


def test_clips_that_move_different_things_play_together_and_the_shorter_ones_wait_at_their_end(tmp_path):
    # Given a shot as Blender exports it: a clip for each object that moves; and another walk, for later.
    gltf = triangle()
    gltf.node(mesh=0)
    for name, node, seconds, x in (("walk", 0, 1.0, 1), ("push", 1, 2.0, 10), ("limp", 0, 4.0, 100)):
        clip = gltf.clip(node, "translation", [0.0, seconds], [[0, 0, 0], [x, 0, 0]])
        gltf.json["animations"][clip]["name"] = name
    # When no clip is named,
    scene = gltf.open(tmp_path)
    # then each object has the first clip that moves it, on one clock.
    assert scene.duration == 2.0
    assert {time: [where(scene.at(time), at)[0] for at in (0, 1)] for time in (0.5, 1.5, 2.0, 2.5)} == {
        0.5: [0.5, 2.5],
        1.5: [1.0, 7.5],
        2.0: [1.0, 10.0],
        2.5: [0.5, 2.5],
    }
    # And a named clip plays alone.
    alone = gltf.open(tmp_path, clip="limp")
    assert [where(alone.at(4.0), at)[0] for at in (0, 1)] == [100, 0]


@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 24.024])
@pytest.mark.parametrize("interpolation", ["LINEAR", "STEP"])
def test_every_frame_shows_the_keyframe_made_for_it(tmp_path, fps, interpolation):
    # Given keyframes at frames 1 to 100 in float32, of which many are a little before or after the true time.
    gltf = triangle()
    frames = range(100)
    gltf.clip(0, "translation", [n / fps for n in frames], [[n, 0, 0] for n in frames], interpolation)
    scene = gltf.open(tmp_path)
    # When each frame is shown, then it is that keyframe, the last one too.
    assert [where(scene.at(n / fps))[0] for n in frames] == pytest.approx(list(frames), abs=1e-4)


def lit_shot():
    """A lamp and a camera on two nodes, and a clip without channels, to which `move` adds some."""
    gltf = triangle()
    gltf.json["extensionsUsed"] = ["KHR_animation_pointer", "KHR_lights_punctual"]
    gltf.add(
        "cameras", {"name": "Lens", "type": "perspective", "perspective": {"yfov": 0.5, "aspectRatio": 1.5}}
    )
    gltf.node(camera=0)
    gltf.json["extensions"] = {
        "KHR_lights_punctual": {"lights": [{"type": "spot", "intensity": 5, "spot": {}}]}
    }
    gltf.node(extensions={"KHR_lights_punctual": {"light": 0}})
    gltf.add("animations", {"name": "Scene", "samplers": [], "channels": []})
    return gltf


LAMP = "/extensions/KHR_lights_punctual/lights/0"


def move(gltf, pointer, rows, clip=0):
    """From the first of `rows` to the last within two seconds."""
    (animation,) = gltf.json["animations"][clip : clip + 1]
    animation["samplers"].append({"input": gltf.accessor([0.0, 2.0]), "output": gltf.accessor(rows)})
    target = {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": pointer}}}
    animation["channels"].append({"sampler": len(animation["samplers"]) - 1, "target": target})


@pytest.mark.parametrize(
    ("pointer", "rows", "seen"),
    [
        (f"{LAMP}/intensity", [1.0, 3.0], lambda at: at.lights[0].intensity == 2.0),
        (f"{LAMP}/color", [[0, 1, 0], [1, 0, 0]], lambda at: at.lights[0].color == (0.5, 0.5, 0.0)),
        (f"{LAMP}/range", [2.0, 4.0], lambda at: at.lights[0].range == 3.0),
        (f"{LAMP}/spot/outerConeAngle", [0.5, 1.0], lambda at: at.lights[0].outer_cone == 0.75),
        # As Blender writes it.
        (f"{LAMP}/spot.outerConeAngle", [0.5, 1.0], lambda at: at.lights[0].outer_cone == 0.75),
        # Below nothing there is no light.
        (f"{LAMP}/intensity", [-8.0, 2.0], lambda at: at.lights[0].intensity == 0.0),
        (
            "/cameras/0/perspective/yfov",
            [0.5, 1.5],
            lambda at: (at.cameras[0].yfov, at.cameras[0].aspect) == (1.0, 1.5),
        ),
        ("/nodes/0/translation", [[0, 0, 0], [4, 0, 0]], lambda at: where(at)[0] == 2.0),
    ],
)
def test_lamps_lenses_and_nodes_are_moved_by_pointers(tmp_path, pointer, rows, seen):
    gltf = lit_shot()
    move(gltf, pointer, rows)
    scene = gltf.open(tmp_path)
    assert seen(scene.at(1.0))
    assert scene.duration == 2.0
    assert scene.warnings == ()


def test_an_orthographic_camera_is_zoomed_by_a_pointer(tmp_path):
    gltf = lit_shot()
    gltf.json["cameras"][0] = {"type": "orthographic", "orthographic": {"xmag": 3.0, "ymag": 2.0}}
    move(gltf, "/cameras/0/orthographic/ymag", [1.0, 2.0])
    assert gltf.open(tmp_path).at(1.0).cameras[0].orthographic_height == 3.0


def test_what_pointers_move_in_vain_is_told_in_one_sentence(tmp_path):
    gltf = lit_shot()
    for pointer in ("/materials/0/alphaCutoff", f"{LAMP[:-1]}7/intensity", "/cameras/0/perspective/zfar"):
        move(gltf, pointer, [0.0, 1.0])
    assert gltf.open(tmp_path).warnings == (
        "the clip Scene also moves /materials/0/alphaCutoff and 1 more, which stand still here",
    )


def test_two_clips_that_dim_one_lamp_do_not_play_together(tmp_path):
    gltf = lit_shot()
    gltf.add("animations", {"name": "Other", "samplers": [], "channels": []})
    move(gltf, f"{LAMP}/intensity", [1.0, 3.0])
    move(gltf, f"{LAMP}/intensity", [10.0, 30.0], clip=1)
    assert gltf.open(tmp_path).at(1.0).lights[0].intensity == 2.0
    assert gltf.open(tmp_path, clip="Other").at(1.0).lights[0].intensity == 20.0


def test_scenes_are_chosen_by_name(tmp_path):
    gltf = triangle()
    gltf.json["scenes"][0]["name"] = "full"
    gltf.add("scenes", {"name": "empty", "nodes": []})
    gltf.json["scene"] = 1
    assert gltf.open(tmp_path).at(0.0).instances == ()
    assert len(gltf.open(tmp_path, scene="full").at(0.0).instances) == 1


def test_a_skin_bends_the_mesh_into_the_world_whatever_its_own_node_does(tmp_path):
    (instance,) = skinned().open(tmp_path).at(0.0).instances
    assert instance.transform.tolist() == np.eye(4).tolist()
    assert instance.deformed.positions.tolist() == [[0, 0, 0], [11, 0, 5], [5, 1, 2.5]]


def test_a_moved_joint_changes_the_digest_and_nothing_else_of_the_mesh(tmp_path):
    gltf = skinned()
    gltf.clip(1, "translation", [0.0, 1.0], [[0, 0, 0], [0, 1, 0]])
    scene = gltf.open(tmp_path)
    early, late = (scene.at(time).instances[0].deformed for time in (0.0, 1.0))
    assert late.positions[0].tolist() == [0, 1, 0]
    assert early.digest != late.digest
    assert early.triangles is late.triangles is scene.meshes[0].triangles


def test_skinned_normals_follow_the_joints(tmp_path):
    gltf = skinned()
    gltf.json["meshes"][0]["primitives"][0]["attributes"]["NORMAL"] = gltf.accessor([[0, 0, 1]] * 3)
    for joint in (1, 2):
        gltf.json["nodes"][joint]["rotation"] = [HALF, 0, 0, HALF]
    deformed = gltf.open(tmp_path).at(0.0).instances[0].deformed
    assert deformed.normals == pytest.approx(np.tile([0, -1, 0], (3, 1)), abs=1e-7)


def morphed(**node):
    gltf = Gltf()
    target = {"POSITION": gltf.accessor([[0, 0, 2], [0, 0, 2], [0, 0, 2]])}
    other = {"POSITION": gltf.accessor([[4, 0, 0], [0, 0, 0], [0, 0, 0]])}
    gltf.node(mesh=gltf.mesh({"POSITION": gltf.accessor(TRIANGLE)}, targets=[target, other]), **node)
    return gltf


def test_a_mesh_at_rest_is_not_deformed(tmp_path):
    assert morphed().open(tmp_path).at(0.0).instances[0].deformed is None


def test_morph_weights_add_displacements(tmp_path):
    deformed = morphed(weights=[0.5, 0.25]).open(tmp_path).at(0.0).instances[0].deformed
    assert deformed.positions.tolist() == [[1, 0, 1], [1, 0, 1], [0, 1, 1]]


def test_animated_morph_weights_win_over_the_nodes_own(tmp_path):
    gltf = morphed(weights=[1.0, 1.0])
    gltf.clip(0, "weights", [0.0, 1.0], [0, 0, 1, 0])
    scene = gltf.open(tmp_path)
    assert scene.at(0.0).instances[0].deformed is None
    assert scene.at(0.5).instances[0].deformed.positions[0].tolist() == [0, 0, 1]


def test_flat_normals_are_computed_again_after_a_morph(tmp_path):
    gltf = Gltf()
    tilt = {"POSITION": gltf.accessor([[0, 0, 0], [0, 0, 0], [0, -1, 1]])}
    gltf.node(mesh=gltf.mesh({"POSITION": gltf.accessor(TRIANGLE)}, targets=[tilt]), weights=[1.0])
    deformed = gltf.open(tmp_path).at(0.0).instances[0].deformed
    assert deformed.normals.tolist() == [[0, -1, 0]] * 3


def test_gpu_instancing_places_copies_relative_to_the_node(tmp_path):
    gltf = triangle()
    places = gltf.accessor([[1, 0, 0], [2, 0, 0]])
    copies = {"attributes": {"TRANSLATION": places, "SCALE": gltf.accessor([[1, 1, 1], [3, 3, 3]])}}
    gltf.json["nodes"][0] |= {
        "scale": [2, 2, 2],
        "extensions": {"EXT_mesh_gpu_instancing": copies},
    }
    snapshot = gltf.open(tmp_path).at(0.0)
    assert [where(snapshot, at) for at in (0, 1)] == [[2, 0, 0], [4, 0, 0]]
    assert [instance.transform[0, 0] for instance in snapshot.instances] == [2, 6]


def test_gpu_instancing_composes_as_nodes_do_to_the_bit(tmp_path):
    # given copies turned and scaled, one of them without a rotation and one without extent
    moves = [[1.5, 2, 3], [0.1, -7, 9], [4, 5, 6]]
    turns = [[0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5]]
    scales = [[1, 2, 0.3], [3, 3, 3], [1, 0, 1]]
    gltf = triangle()
    parts = {"TRANSLATION": moves, "ROTATION": turns, "SCALE": scales}
    attributes = {name: gltf.accessor(rows) for name, rows in parts.items()}
    pose = {"translation": [1, 0.7, 0.1], "rotation": [0.3, 0.1, 0.2, 0.9], "scale": [1.1, 1, 0.9]}
    gltf.json["nodes"][0] |= {**pose, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": attributes}}}
    found = gltf.open(tmp_path).at(0.0).instances
    # then those that show stand where children of the node would
    world = compose(*pose.values())
    as_stored = (np.array(rows, np.float32).tolist() for rows in parts.values())
    expected = [multiply(world, compose(*part)) for part in zip(*as_stored, strict=True)][:2]
    assert [tuple(one.transform.ravel().tolist()) for one in found] == expected


def test_what_is_scaled_to_nothing_is_left_out(tmp_path):
    gltf = triangle()
    gltf.json["nodes"][0]["scale"] = [0, 0, 0]
    assert gltf.open(tmp_path).at(0.0).instances == ()


def test_cameras_are_called_as_their_nodes_are(tmp_path):
    gltf = Gltf()
    gltf.add("cameras", {"type": "perspective", "perspective": {"yfov": 0.5, "aspectRatio": 2, "znear": 1}})
    gltf.add(
        "cameras", {"type": "orthographic", "orthographic": {"xmag": 3, "ymag": 2, "znear": 0, "zfar": 1}}
    )
    gltf.node(name="Front", camera=0, translation=[0, 0, 4])
    gltf.node(name="Front", camera=1)
    gltf.node(camera=0)
    first, second, third = gltf.open(tmp_path).at(0.0).cameras
    assert [first.name, second.name, third.name] == ["Front", "Front (2)", "camera 1"]
    assert (first.yfov, first.aspect, first.transform[2, 3]) == (0.5, 2.0, 4.0)
    assert (second.orthographic_height, second.aspect) == (4.0, 1.5)


def test_lights_keep_their_units(tmp_path):
    gltf = Gltf()
    lights = [
        {"type": "directional", "color": [1, 0.5, 0], "intensity": 1000},
        {"type": "point", "range": 5},
        {"type": "spot", "spot": {"innerConeAngle": 0.1, "outerConeAngle": 0.2}, "name": "lamp"},
    ]
    gltf.json["extensions"] = {"KHR_lights_punctual": {"lights": lights}}
    for at in range(3):
        gltf.node(extensions={"KHR_lights_punctual": {"light": at}})
    sun, point, spot = gltf.open(tmp_path).at(0.0).lights
    assert (sun.kind, sun.color, sun.intensity, sun.range) == (0, (1.0, 0.5, 0.0), 1000.0, math.inf)
    assert (point.kind, point.range, point.intensity) == (LightKind.POINT, 5.0, 1.0)
    assert (spot.kind, spot.inner_cone, spot.outer_cone, spot.name) == (2, 0.1, 0.2, "lamp")


def test_an_animation_that_flings_a_node_beyond_all_measure_is_refused(tmp_path):
    gltf = triangle()
    gltf.json["nodes"][0]["scale"] = [1e14] * 3
    gltf.json["scenes"][0]["nodes"] = [gltf.add("nodes", {"children": [0], "scale": [1e14] * 3})]
    with pytest.raises(BadScene, match=r"nodes\[0\] is moved or scaled beyond all measure"):
        gltf.open(tmp_path)
