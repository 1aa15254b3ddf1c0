"""Writes test/fixtures/solvers: the results of diffusers' schedulers for recorded velocities, and their noise levels.

    python reference/solvers.py

Every solver gets the same random velocities, in the order of its requests, and the same random noise. Its
latents are recorded after each step, to compare formulas, not models. If diffusers has a scheduler for flows (or
one whose formula needs dx/dsigma only), it runs on Inkstone's noise levels. The others are written out here.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    DDPMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    DPMSolverSinglestepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    FlowMatchLCMScheduler,
    IPNDMScheduler,
    KDPM2DiscreteScheduler,
    LMSDiscreteScheduler,
    LTXEulerAncestralRFScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)
from diffusers.schedulers import (
    scheduling_ddpm,
    scheduling_dpmsolver_multistep,
    scheduling_dpmsolver_singlestep,
    scheduling_flow_match_lcm,
    scheduling_ltx_euler_ancestral_rf,
)
from safetensors.torch import save

FOLDER = Path(__file__).resolve().parent.parent / "test" / "fixtures" / "solvers"
VALUES = 16
# Schedulers in log-SNR cannot start at pure noise. This is the replacement, as in UniPCMultistepScheduler.
ALMOST_NOISE = 1 - 1e-6

FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
QWEN = {
    "base_image_seq_len": 256,
    "base_shift": 0.5,
    "max_image_seq_len": 8192,
    "max_shift": 0.9,
    "shift_terminal": 0.02,
    "time_shift_type": "exponential",
    "use_dynamic_shifting": True,
}


class Recording:
    """Returns velocities and noise, and records the levels of the requests."""

    def __init__(self, sigmas: list[float], first: int, seed: int):
        random = np.random.default_rng(seed)
        self.sigmas = torch.tensor(sigmas, dtype=torch.float64)
        self.first = first
        draw = lambda *shape: torch.from_numpy(random.standard_normal(shape).astype(np.float32)).double()
        steps = len(sigmas) - 1 - first
        self.start = draw(1, VALUES)
        self.velocities = draw(2 * steps + 1, 1, VALUES)
        self.noises = draw(steps + 1, 1, VALUES)
        self.rewind()

    def rewind(self) -> None:
        self.levels: list[float] = []
        self.inputs: list[torch.Tensor] = []
        self.drawn = 0

    @property
    def finite(self) -> torch.Tensor:
        return torch.where(self.sigmas == 1, ALMOST_NOISE, self.sigmas)

    def steps(self) -> range:
        return range(self.first, len(self.sigmas) - 1)

    def velocity(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        self.levels.append(float(sigma))
        self.inputs.append(x.double())
        return self.velocities[len(self.levels) - 1]

    def noise(self, *_args, **_named) -> torch.Tensor:
        self.drawn += 1
        return self.noises[self.drawn - 1]


Solver = Callable[[Recording], list[torch.Tensor]]


def run(scheduler, recording: Recording, levels: torch.Tensor, **named) -> list[torch.Tensor]:
    """Steps a diffusers scheduler through Inkstone's levels, with one evaluation in each step."""
    count = len(levels) - 1
    scheduler.set_timesteps(count, **named)
    scheduler.sigmas = levels
    scheduler.timesteps = torch.arange(count, dtype=torch.float64)
    scheduler.set_begin_index(recording.first)
    x, latents = recording.start, []
    for i in recording.steps():
        x = scheduler.step(recording.velocity(x, recording.sigmas[i]), scheduler.timesteps[i], x, return_dict=False)[0]
        x = x.double()
        latents.append(x)
    return latents


def euler(recording: Recording) -> list[torch.Tensor]:
    return run(FlowMatchEulerDiscreteScheduler(), recording, recording.sigmas)


def euler_ancestral(recording: Recording) -> list[torch.Tensor]:
    scheduling_ltx_euler_ancestral_rf.randn_tensor = recording.noise
    scheduler = LTXEulerAncestralRFScheduler()
    return run(scheduler, recording, recording.sigmas, sigmas=recording.sigmas)


def lcm(recording: Recording) -> list[torch.Tensor]:
    scheduling_flow_match_lcm.randn_tensor = recording.noise
    return run(FlowMatchLCMScheduler(), recording, recording.sigmas)


def multistep(order: int, algorithm: str = "dpmsolver++") -> Solver:
    def solve(recording: Recording) -> list[torch.Tensor]:
        scheduling_dpmsolver_multistep.randn_tensor = recording.noise
        scheduler = DPMSolverMultistepScheduler(solver_order=order, algorithm_type=algorithm, **FLOW)
        return run(scheduler, recording, recording.finite)

    return solve


def singlestep(algorithm: str) -> Solver:
    def solve(recording: Recording) -> list[torch.Tensor]:
        scheduling_dpmsolver_singlestep.randn_tensor = recording.noise
        scheduler = DPMSolverSinglestepScheduler(
            solver_order=2, algorithm_type=algorithm, lower_order_final=True, final_sigmas_type="zero", **FLOW
        )
        return run(scheduler, recording, recording.finite)

    return solve


def unipc(order: int) -> Solver:
    def solve(recording: Recording) -> list[torch.Tensor]:
        scheduler = UniPCMultistepScheduler(solver_order=order, solver_type="bh2", final_sigmas_type="zero", **FLOW)
        return run(scheduler, recording, recording.finite)

    return solve


def deis(recording: Recording) -> list[torch.Tensor]:
    """The scheduler of diffusers never steps to 0: its last level is repeated. Inkstone ends with the image predicted there."""
    scheduler = DEISMultistepScheduler(solver_order=2, **FLOW)
    latents = run(scheduler, recording, recording.finite)
    before = recording.inputs[-1]
    latents[-1] = before - recording.sigmas[-2] * recording.velocities[len(recording.levels) - 1]
    return latents


def two_evaluations(scheduler, recording: Recording, middle: Callable | None) -> list[torch.Tensor]:
    """Steps a scheduler whose lists hold every level twice; `middle` gives the level of the second evaluation."""
    sigmas = recording.sigmas[recording.first :]
    twice = torch.cat([sigmas[:1], sigmas[1:-1].repeat_interleave(2), sigmas[-1:]])
    scheduler.set_timesteps(len(sigmas) - 1)
    scheduler.sigmas = twice
    scheduler.timesteps = torch.arange(len(twice) - 1, dtype=torch.float64)
    scheduler.set_begin_index(0)
    if middle:
        between = torch.tensor([middle(a, b) for a, b in zip(sigmas[:-1], sigmas[1:])], dtype=torch.float64)
        scheduler.sigmas_interpol = torch.cat([sigmas[:1], between[:-1].repeat_interleave(2), between[-1:]])
    x, latents = recording.start, []
    for i, timestep in enumerate(scheduler.timesteps):
        second = i % 2 == 1
        sigma = between[i // 2] if second and middle else twice[i]
        x = scheduler.step(recording.velocity(x, sigma), timestep, x, return_dict=False)[0].double()
        if second or i == len(scheduler.timesteps) - 1:
            latents.append(x)
    return latents


def heun(recording: Recording) -> list[torch.Tensor]:
    return two_evaluations(FlowMatchHeunDiscreteScheduler(), recording, None)


def log_middle(a: float, b: float) -> float:
    return float(np.float32(math.sqrt(a * b)))


def dpm2(recording: Recording) -> list[torch.Tensor]:
    """KDPM2's formula needs dx/dsigma only, which for "epsilon" is the model's output."""
    scheduler = KDPM2DiscreteScheduler(prediction_type="epsilon")
    scheduler.set_timesteps(4)
    return two_evaluations(scheduler, recording, log_middle)


def dpm2_ancestral(recording: Recording) -> list[torch.Tensor]:
    """ComfyUI's sample_dpm_2_ancestral_RF."""
    x, latents = recording.start, []
    for i in recording.steps():
        sigma, following = map(float, recording.sigmas[i : i + 2])
        down = following * (1 + (following / sigma - 1))
        denoised = x - sigma * recording.velocity(x, sigma)
        d = (x - denoised) / sigma
        if down == 0:
            x = x + d * (down - sigma)
        else:
            middle = log_middle(sigma, down)
            x2 = x + d * (middle - sigma)
            d2 = (x2 - (x2 - middle * recording.velocity(x2, middle))) / middle
            x = x + d2 * (down - sigma)
            renoise = math.sqrt(following**2 - down**2 * (1 - following) ** 2 / (1 - down) ** 2)
            x = (1 - following) / (1 - down) * x + recording.noise() * renoise
        latents.append(x)
    return latents


def lms(recording: Recording) -> list[torch.Tensor]:
    """LMSDiscreteScheduler's formula needs dx/dsigma only. Order 4; it restarts at the start of the recording."""
    sigmas = recording.sigmas[recording.first :]
    scheduler = LMSDiscreteScheduler(prediction_type="epsilon")
    scheduler.set_timesteps(len(sigmas) - 1)
    scheduler.sigmas = sigmas
    scheduler.is_scale_input_called = True
    scheduler.timesteps = torch.arange(len(sigmas) - 1, dtype=torch.float64)
    scheduler.set_begin_index(0)
    x, latents = recording.start, []
    for i, timestep in enumerate(scheduler.timesteps):
        x = scheduler.step(recording.velocity(x, sigmas[i]), timestep, x, return_dict=False)[0]
        latents.append(x)
    return latents


def along_flow(scheduler, recording: Recording):
    """Replaces a scheduler's transfer from one level to the next by that of the flow: x + (sigma_next - sigma) v."""
    scheduler.now = recording.first

    def transfer(sample, _timestep, _previous, velocity):
        sigma, following = recording.sigmas[scheduler.now : scheduler.now + 2]
        return sample + (following - sigma) * velocity

    scheduler._get_prev_sample = transfer
    return scheduler


def ipndm(recording: Recording) -> list[torch.Tensor]:
    """IPNDMScheduler's weights; the last step ends at the predicted image, as in ComfyUI."""
    scheduler = along_flow(IPNDMScheduler(), recording)
    count = len(recording.sigmas) - 1
    scheduler.set_timesteps(count)
    scheduler.betas, scheduler.alphas = torch.zeros(count + 1), torch.ones(count + 1)
    scheduler.set_begin_index(recording.first)
    x, latents = recording.start, []
    for i in recording.steps():
        scheduler.now = i
        v = recording.velocity(x, recording.sigmas[i])
        last = i == count - 1
        x = x - recording.sigmas[i] * v if last else scheduler.step(v, scheduler.timesteps[i], x, return_dict=False)[0]
        latents.append(x)
    return latents


def plms(recording: Recording) -> list[torch.Tensor]:
    """PNDMScheduler without its Runge-Kutta steps evaluates twice in the first step."""
    scheduler = along_flow(PNDMScheduler(skip_prk_steps=True), recording)
    scheduler.set_timesteps(len(recording.sigmas) - 1)
    x, latents = recording.start, []
    for i in recording.steps():
        scheduler.now = i
        x = scheduler.step_plms(recording.velocity(x, recording.sigmas[i]), 0, x, return_dict=False)[0]
        if i == recording.first:
            x = scheduler.step_plms(recording.velocity(x, recording.sigmas[i + 1]), 0, x, return_dict=False)[0]
        latents.append(x)
    return latents


def dpm3m_sde(recording: Recording) -> list[torch.Tensor]:
    """k-diffusion's sample_dpmpp_3m_sde for flows (ComfyUI), eta = 1, but with the midpoint of 2M for two known images,
    and second order before the last step of less than 15, as in diffusers."""
    count = len(recording.sigmas) - 1
    lam = torch.log((1 - recording.finite) / recording.finite)
    x, latents, pictures = recording.start, [], []
    for i in recording.steps():
        sigma, following = recording.sigmas[i], recording.sigmas[i + 1]
        denoised = x - sigma * recording.velocity(x, sigma)
        pictures = [denoised, *pictures]
        if following == 0:
            latents.append(denoised)
            break
        alpha, h, eta = 1 - following, lam[i + 1] - lam[i], 1
        h_eta = h * (eta + 1)
        x = following / sigma * torch.exp(-h * eta) * x + alpha * (1 - torch.exp(-h_eta)) * denoised
        order = min(len(pictures), 2 if count < 15 and i == count - 2 else 3)
        if order == 3:
            r0, r1 = (lam[i] - lam[i - 1]) / h, (lam[i - 1] - lam[i - 2]) / h
            d1_0, d1_1 = (denoised - pictures[1]) / r0, (pictures[1] - pictures[2]) / r1
            d1 = d1_0 + (d1_0 - d1_1) * r0 / (r0 + r1)
            d2 = (d1_0 - d1_1) / (r0 + r1)
            phi_2 = torch.expm1(-h_eta) / h_eta + 1
            phi_3 = phi_2 / h_eta - 0.5
            x = x + alpha * phi_2 * d1 - alpha * phi_3 * d2
        elif order == 2:
            r = (lam[i] - lam[i - 1]) / h
            x = x + 0.5 * alpha * (1 - torch.exp(-h_eta)) * (denoised - pictures[1]) / r
        x = x + following * torch.sqrt(1 - torch.exp(-2 * h * eta)) * recording.noise()
        latents.append(x)
    return latents


def ddpm(recording: Recording) -> list[torch.Tensor]:
    """DDPMScheduler on latents scaled to unit variance: x / sqrt(alpha^2 + sigma^2), alpha = 1 - sigma."""
    count = len(recording.sigmas) - 1
    sigmas = recording.finite
    scale = torch.sqrt((1 - sigmas) ** 2 + sigmas**2)
    scheduler = DDPMScheduler(num_train_timesteps=count, clip_sample=False, variance_type="fixed_small")
    scheduler.alphas_cumprod = (((1 - sigmas) / scale) ** 2)[:-1].flip(0)
    scheduler.one = torch.tensor(1.0, dtype=torch.float64)
    scheduler.set_timesteps(count)
    scheduling_ddpm.randn_tensor = recording.noise
    x, latents = recording.start, []
    for i in recording.steps():
        noise = x + (1 - sigmas[i]) * recording.velocity(x, recording.sigmas[i])
        y = scheduler.step(noise, count - 1 - i, x / scale[i], return_dict=False)[0]
        x = y * scale[i + 1]
        latents.append(x)
    return latents


def tcd(recording: Recording, gamma: float = 0.3) -> list[torch.Tensor]:
    """The step of TCDScheduler with the flow's shares of image and noise."""
    x, latents = recording.start, []
    for i in recording.steps():
        sigma, following = recording.sigmas[i], recording.sigmas[i + 1]
        denoised = x - sigma * recording.velocity(x, sigma)
        noise = (x - (1 - sigma) * denoised) / sigma
        s = (1 - gamma) * following
        x = (1 - s) * denoised + s * noise
        if following > 0:
            a = (1 - following) / (1 - s)
            x = a * x + torch.sqrt(following**2 - a**2 * s**2) * recording.noise()
        latents.append(x)
    return latents


SOLVERS: dict[str, Solver] = {
    "euler": euler,
    "eulerAncestral": euler_ancestral,
    "heun": heun,
    "dpm2": dpm2,
    "dpm2Ancestral": dpm2_ancestral,
    "lms": lms,
    "ipndm": ipndm,
    "plms": plms,
    "dpm2s": singlestep("dpmsolver++"),
    "dpm2sSde": singlestep("sde-dpmsolver++"),
    "dpm2m": multistep(2),
    "dpm2mSde": multistep(2, "sde-dpmsolver++"),
    "dpm3m": multistep(3),
    "dpm3mSde": dpm3m_sde,
    "unipc2": unipc(2),
    "unipc3": unipc(3),
    "deis": deis,
    "ddpm": ddpm,
    "lcm": lcm,
    "tcd": tcd,
}


def levels(steps: int, tokens: int, uniform: bool = False, **spacing) -> list[float]:
    """The noise levels that QwenImagePipeline gets from its scheduler; `uniform` without any shift."""
    scheduler = FlowMatchEulerDiscreteScheduler(**({} if uniform else QWEN), **spacing)
    slope = (QWEN["max_shift"] - QWEN["base_shift"]) / (QWEN["max_image_seq_len"] - QWEN["base_image_seq_len"])
    mu = QWEN["base_shift"] + slope * (tokens - QWEN["base_image_seq_len"])
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), **({} if uniform else {"mu": mu}))
    return scheduler.sigmas.tolist()


SPACINGS = {
    "model": {},
    "karras": {"use_karras_sigmas": True},
    "exponential": {"use_exponential_sigmas": True},
    "beta": {"use_beta_sigmas": True},
    "uniform": {"uniform": True},
    "uniformKarras": {"uniform": True, "use_karras_sigmas": True},
    "uniformExponential": {"uniform": True, "use_exponential_sigmas": True},
    "uniformBeta": {"uniform": True, "use_beta_sigmas": True},
}


def write_solvers(folder: Path) -> None:
    tensors: dict[str, torch.Tensor] = {}
    for name, spacing in SPACINGS.items():
        for steps in (2, 10, 50):
            for tokens in (256, 4096):
                tensors[f"spacing/{name}/{steps}/{tokens}"] = torch.tensor(levels(steps, tokens, **spacing))
    # From pure noise with few steps, and from a later one of many: schedulers reduce their orders in different places.
    recordings = {
        "noise": Recording(levels(8, 256), 0, seed=1),
        "uneven": Recording(levels(9, 256, use_karras_sigmas=True), 0, seed=2),
        "picture": Recording(levels(20, 256), 11, seed=3),
    }
    for run_name, recording in recordings.items():
        tensors[f"{run_name}/sigmas"] = recording.sigmas.float()
        tensors[f"{run_name}/first"] = torch.tensor([recording.first], dtype=torch.int32)
        tensors[f"{run_name}/start"] = recording.start.float()
        tensors[f"{run_name}/velocities"] = recording.velocities.float()
        tensors[f"{run_name}/noises"] = recording.noises.float()
        for solver_name, solve in SOLVERS.items():
            recording.rewind()
            latents = torch.stack(solve(recording))
            assert latents.isfinite().all(), (run_name, solver_name)
            tensors[f"{run_name}/{solver_name}/latents"] = latents.float()
            tensors[f"{run_name}/{solver_name}/levels"] = torch.tensor(recording.levels)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recorded.safetensors").write_bytes(save(tensors))


if __name__ == "__main__":
    write_solvers(FOLDER)
