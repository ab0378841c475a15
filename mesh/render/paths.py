"""The path tracer: one path per sample, with next-event estimation and multiple importance sampling.

Unidirectional; at every vertex one light is asked (`direct`) and one direction is followed, which may find light
by chance (`emitters`).
"""

from __future__ import annotations

import numpy as np

from mesh.render.accel_traverse import closest
from mesh.render.bsdf import make_lobes, sample_direction, value_and_density
from mesh.render.camera import camera_ray, has_lens
from mesh.render.direct import light_asked
from mesh.render.emitters import emitter_met, environment_met
from mesh.render.filter import filter_offset
from mesh.render.frames import leave_surface
from mesh.render.geometry import MATERIAL, OBJECT
from mesh.render.hits import frame_at, spot_at, turned
from mesh.render.kernel import merged, step
from mesh.render.light_passes import begin_record, note_followed, note_surface
from mesh.render.materials import (
    ABSORPTION,
    DOUBLE_SIDED,
    EMITS,
    TRANSMISSION,
    UNLIT,
    base_color,
    coverage,
    surface_at,
)
from mesh.render.math import HALF, ONE, ZERO, exp, sqrt
from mesh.render.path import path_result
from mesh.render.sampler import (
    CHOICE,
    COVERAGE,
    DIRECTION,
    FILTER,
    FIRST_BOUNCE,
    LENS,
    LIGHT_CHOICE,
    LIGHT_POINT,
    PER_BOUNCE,
    draw,
    draw_loose,
    draw_seed,
    start_sample,
)
from mesh.render.shadows import front_of
from mesh.render.trace import (
    ABSORBED,
    BOUNCE,
    CAMERA,
    DEEP,
    EMIT,
    END,
    LAYERED,
    MISS,
    PASS,
    ROULETTE,
    UNLIT_SURFACE,
    VERTEX,
    note,
)

f32 = np.float32

_FAR = f32(np.inf)
_MOST_LAYERS = 256
_LEAST_CHANCE = f32(0.05)
"""With which Russian roulette lets a path go on, at least."""


@merged
def _passing_number(sequence, counter, tile, bounce, passed):
    """What decides whether a ray passes a surface, after so many; well spread for the first two, since whoever
    looks through a window sees every flaw of it."""
    if passed >= 2:
        return draw_loose(sequence, counter, tile, 16 + passed + 1024 * bounce)
    first, second = draw(sequence, counter, tile, FIRST_BOUNCE + PER_BOUNCE * bounce + COVERAGE)
    return first if passed == 0 else second


@step
def _end(log, why, bounce):
    note(log, END, bounce, -1, -1, -1, why, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)


@merged
def trace_path(
    everything,
    shade,
    geometry,
    materials,
    environment,
    lights,
    sequence,
    tables,
    limits,
    x,
    y,
    sample,
    scratch,
    record,
    log,
):
    """The Path of one sample of pixel (x, y); a log that is given tells what it meets, and a record that has room
    gets its light by lobes, see `light_passes`.

    None for the log is a type to the compiler, which then leaves all telling out of the kernel.
    """
    counter, tile = start_sample(sequence, x, y, sample)
    u, v = draw(sequence, counter, tile, FILTER)
    film_x = f32(x) + HALF + filter_offset(tables.pixel_filter, u)
    film_y = f32(y) + HALF + filter_offset(tables.pixel_filter, v)
    u, v = draw(sequence, counter, tile, LENS) if has_lens(tables.camera) else (ZERO, ZERO)
    ox, oy, oz, dx, dy, dz, width, cone = camera_ray(tables.camera, film_x, film_y, u, v)
    jitter = draw_loose(sequence, counter, tile, 1)
    if log is not None:
        note(log, CAMERA, 0, -1, -1, -1, ox, oy, oz, dx, dy, dz, film_x, film_y, ZERO, ZERO, ZERO)

    begin_record(record)
    seen_r, seen_g, seen_b = ZERO, ZERO, ZERO
    back_r, back_g, back_b = ZERO, ZERO, ZERO
    sum_r, sum_g, sum_b = ZERO, ZERO, ZERO
    # What of the sum had come by one surface when the path reached its second one.
    direct_r, direct_g, direct_b, is_split = ZERO, ZERO, ZERO, False
    through_r, through_g, through_b = ONE, ONE, ONE
    albedo_r, albedo_g, albedo_b = ZERO, ZERO, ZERO
    first_nx, first_ny, first_nz = ZERO, ZERO, ZERO
    depth, alpha_out = ZERO, ZERO
    first_x, first_y, first_z = ZERO, ZERO, ZERO
    object_id, material_id = np.int32(-1), np.int32(-1)
    medium = np.int32(-1)
    density = ZERO
    travelled = ZERO
    # The last vertex, as its choice of a light saw it.
    last_x, last_y, last_z = ZERO, ZERO, ZERO
    nx, ny, nz, see_through = ZERO, ZERO, ONE, False
    # What the first surface left of the light.
    first_most = ONE
    bounce = 0
    layers, passed = 0, 0
    while True:
        instance, prim, t, u, v = closest(everything, ox, oy, oz, dx, dy, dz, ZERO, _FAR, scratch)
        if instance < 0:
            if lights.chance[0] > ZERO or bounce == 0:
                r, g, b, weight = environment_met(environment, lights, dx, dy, dz, density, bounce)
                if bounce == 0:
                    back_r, back_g, back_b = r, g, b
                else:
                    sum_r += through_r * r * weight
                    sum_g += through_g * g * weight
                    sum_b += through_b * b * weight
                if log is not None:
                    note(
                        log, MISS, bounce, -1, -1, -1, r, g, b, weight,
                        through_r * r * weight, through_g * g * weight, through_b * b * weight,
                        dx, dy, dz, ZERO,
                    )  # fmt: skip
            break
        material = geometry.ints[instance, MATERIAL]
        flags, factors = materials.flags, materials.factors
        if medium >= 0:
            through_r *= exp(-t * factors[medium, ABSORPTION])
            through_g *= exp(-t * factors[medium, ABSORPTION + 1])
            through_b *= exp(-t * factors[medium, ABSORPTION + 2])
        travelled += t
        width += cone * t
        px, py, pz = ox + t * dx, oy + t * dy, oz + t * dz
        gx, gy, gz, front = front_of(geometry, instance, prim, dx, dy, dz)
        cosine = -(gx * dx + gy * dy + gz * dz)
        spot = spot_at(geometry, instance, prim, u, v, width / sqrt(max(cosine, f32(0.01))), jitter)
        r, g, b, alpha = base_color(materials, material, spot)
        covered = coverage(materials, material, alpha)
        two_sided = flags[material, DOUBLE_SIDED] != 0
        if bounce == 0 and front < ZERO and not two_sided and factors[material, TRANSMISSION] == ZERO:
            # As every glTF viewer, the camera sees through the back of single-sided surfaces.
            covered = ZERO
        if covered < ONE and covered <= _passing_number(sequence, counter, tile, bounce, passed):
            layers += 1
            passed += 1
            if log is not None:
                note(
                    log, PASS, bounce, instance, prim, material, px, py, pz, covered,
                    ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO,
                )  # fmt: skip
            if layers > _MOST_LAYERS:
                if log is not None:
                    _end(log, LAYERED, bounce)
                break
            ox, oy, oz = leave_surface(px, py, pz, -gx, -gy, -gz, t)
            continue
        if log is not None:
            note(
                log, VERTEX, bounce, instance, prim, material, px, py, pz, gx, gy, gz, t, front,
                through_r, through_g, through_b,
            )  # fmt: skip
        if (flags[material, EMITS] != 0) and (front > ZERO or two_sided):
            er, eg, eb, weight = emitter_met(
                geometry, materials, lights, instance, prim, material, spot, cosine, travelled, density,
                last_x, last_y, last_z, nx, ny, nz, see_through, bounce,
            )  # fmt: skip
            if bounce == 0:
                seen_r, seen_g, seen_b = seen_r + er, seen_g + eg, seen_b + eb
            else:
                sum_r += through_r * er * weight
                sum_g += through_g * eg * weight
                sum_b += through_b * eb * weight
            if log is not None:
                note(
                    log, EMIT, bounce, instance, prim, material, er, eg, eb, weight,
                    through_r * er * weight, through_g * eg * weight, through_b * eb * weight,
                    ZERO, ZERO, ZERO, ZERO,
                )  # fmt: skip
        if flags[material, UNLIT] != 0:
            if bounce == 0:
                seen_r, seen_g, seen_b = seen_r + r, seen_g + g, seen_b + b
            else:
                sum_r, sum_g, sum_b = sum_r + through_r * r, sum_g + through_g * g, sum_b + through_b * b
            if log is not None:
                note(
                    log, EMIT, bounce, instance, prim, material, r, g, b, ONE,
                    through_r * r, through_g * g, through_b * b, ZERO, ZERO, ZERO, ZERO,
                )  # fmt: skip
        frame = frame_at(geometry, materials, instance, prim, material, u, v, spot, front, -dx, -dy, -dz)
        if bounce == 0:
            alpha_out = ONE
            first_x, first_y, first_z = px, py, pz
            albedo_r, albedo_g, albedo_b = r, g, b
            first_nx, first_ny, first_nz = frame.nx, frame.ny, frame.nz
            camera = tables.camera
            depth = (
                (camera[0] - px) * camera[9] + (camera[1] - py) * camera[10] + (camera[2] - pz) * camera[11]
            )
            object_id, material_id = geometry.ints[instance, OBJECT], np.int32(material)
        elif not is_split:
            direct_r, direct_g, direct_b, is_split = sum_r, sum_g, sum_b, True
        if flags[material, UNLIT] != 0 or bounce >= limits.max_depth:
            if log is not None:
                _end(log, UNLIT_SURFACE if flags[material, UNLIT] != 0 else DEEP, bounce)
            break

        surface, turn_c, turn_s = surface_at(materials, material, spot, r, g, b, front)
        if surface.anisotropy > ZERO:
            frame = turned(frame, turn_c, turn_s)
        tx, ty, tz, bx, by, bz = frame.tx, frame.ty, frame.tz, frame.bx, frame.by, frame.bz
        nx, ny, nz = frame.nx, frame.ny, frame.nz
        lobes = make_lobes(
            tables.albedo, surface,
            -(dx * tx + dy * ty + dz * tz), -(dx * bx + dy * by + dz * bz), -(dx * nx + dy * ny + dz * nz),
            gx * tx + gy * ty + gz * tz, gx * bx + gy * by + gz * bz, gx * nx + gy * ny + gz * nz,
            frame.cx * tx + frame.cy * ty + frame.cz * tz,
            frame.cx * bx + frame.cy * by + frame.cz * bz,
            frame.cx * nx + frame.cy * ny + frame.cz * nz,
            draw_seed(sequence, counter, tile, 8 + 1024 * bounce),
        )  # fmt: skip
        if bounce == 0 and record.shape[0] > 0:
            note_surface(
                record, lobes.ox, lobes.oy, lobes.oz, lobes.diff_r, lobes.diff_g, lobes.diff_b,
                lobes.cloth_r, lobes.cloth_g, lobes.cloth_b, lobes.cloth_roughness,
            )  # fmt: skip
        pair = FIRST_BOUNCE + PER_BOUNCE * bounce
        last_x, last_y, last_z = px, py, pz
        see_through = lobes.p_thin > ZERO or lobes.p_glass > ZERO

        # The choice is between lights asked, and between lobes: neither knows of the other.
        choice, roulette = draw(sequence, counter, tile, pair + CHOICE)
        if lights.entries > 0:
            kind, among = draw(sequence, counter, tile, pair + LIGHT_CHOICE)
            u, v = draw(sequence, counter, tile, pair + LIGHT_POINT)
            lr, lg, lb = light_asked(
                shade, geometry, materials, environment, lights, lobes, frame,
                px, py, pz, gx, gy, gz, see_through, t,
                kind, among, u, v, choice, through_r, through_g, through_b, scratch, record, log, bounce,
            )  # fmt: skip
            sum_r, sum_g, sum_b = sum_r + lr, sum_g + lg, sum_b + lb

        u, v = draw(sequence, counter, tile, pair + DIRECTION)
        ix, iy, iz = sample_direction(lobes, u, v, choice)
        fr, fg, fb, density = value_and_density(lobes, ix, iy, iz)
        if not density > ZERO:
            if log is not None:
                _end(log, ABSORBED, bounce)
            break
        if bounce == 0 and record.shape[0] > 0:
            note_followed(record, ix, iy, iz, fr, fg, fb)
        through_r, through_g, through_b = (
            through_r * fr / density,
            through_g * fg / density,
            through_b * fb / density,
        )
        most = max(through_r, through_g, through_b)
        if not most > ZERO:
            if log is not None:
                _end(log, ABSORBED, bounce)
            break
        if bounce == 0:
            first_most = min(most, ONE)
        elif most < first_most:
            # From the second surface on light is indirect, and that a dark first surface dims it dims the pixel too.
            keep = max(most / first_most, _LEAST_CHANCE)
            if roulette >= keep:
                if log is not None:
                    _end(log, ROULETTE, bounce)
                break
            through_r, through_g, through_b = through_r / keep, through_g / keep, through_b / keep
        dx, dy, dz = ix * tx + iy * bx + iz * nx, ix * ty + iy * by + iz * ny, ix * tz + iy * bz + iz * nz
        if log is not None:
            note(
                log, BOUNCE, bounce, -1, -1, -1, dx, dy, dz, density, through_r, through_g, through_b,
                iz, ZERO, ZERO, ZERO,
            )  # fmt: skip
        if iz < ZERO:
            gx, gy, gz = -gx, -gy, -gz
            if lobes.p_glass > ZERO:
                medium = np.int32(material) if front > ZERO else np.int32(-1)
        ox, oy, oz = leave_surface(px, py, pz, gx, gy, gz, t)
        # A sample stands for the directions around it: about 1 / density of solid angle.
        cone += f32(0.15) / sqrt(density)
        travelled = ZERO
        passed = 0
        bounce += 1

    if not is_split:
        direct_r, direct_g, direct_b = sum_r, sum_g, sum_b
    return path_result(
        seen_r, seen_g, seen_b, back_r, back_g, back_b, sum_r, sum_g, sum_b, direct_r, direct_g, direct_b,
        alpha_out, albedo_r, albedo_g, albedo_b, first_nx, first_ny, first_nz, depth, object_id, material_id,
        first_x, first_y, first_z, limits.clamp, bounce, record, log,
    )  # fmt: skip
