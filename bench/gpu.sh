#!/usr/bin/env bash
# Checks and measures the gateway on this machine's GPU, and writes what came of it into one folder: the results of the harness as JSON, beside them what each
# step wrote. Needs no network and builds nothing: it takes what `dotnet build -c Release` left, or the programs named by the variables below.
#
#     bench/gpu.sh FOLDER [webgpu|cuda]
#
# GATEWAY_PROGRAMS  a folder with Gateway.UnitTests.dll, gateway.dll, their gateway and Gateway.Harness/; default: the Release builds of this checkout
# GATEWAY_DOTNET    the dotnet to run them with; default: the one on the path
# GATEWAY_ROUNDS, GATEWAY_SECONDS, GATEWAY_MODELS  how often, how long and what the harness measures; default 3, 1, all
# GATEWAY_CONTRACT_LIMIT, GATEWAY_MEASURE_LIMIT  seconds for the contract suite and for the harness; default 60, 780: its six parts may take 120 each
# VK_DRIVER_FILES   the Vulkan driver, where the loader does not find it by itself
set -uo pipefail
out=${1:?usage: bench/gpu.sh FOLDER [webgpu|cuda]}
provider=${2:-webgpu}
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
dotnet=${GATEWAY_DOTNET:-dotnet}
if [ -n "${GATEWAY_PROGRAMS:-}" ]; then
    tests=$GATEWAY_PROGRAMS/Gateway.UnitTests.dll
    harness=$GATEWAY_PROGRAMS/Gateway.Harness/Gateway.Harness.dll
    gateway=$GATEWAY_PROGRAMS/gateway
else
    tests=$root/tests/Gateway.UnitTests/bin/Release/net10.0/Gateway.UnitTests.dll
    harness=$root/bench/Gateway.Harness/bin/Release/net10.0/Gateway.Harness.dll
    gateway=$root/src/Gateway/bin/Release/net10.0/gateway
fi

failed=0
# step NAME SECONDS COMMAND...: what it writes goes to NAME.txt; its last lines are shown when it fails, and the next step begins.
step() {
    local name=$1 limit=$2 code=0 begun
    shift 2
    begun=$(date +%s)
    timeout -k 5 "$limit" "$@" >"$out/$name.txt" 2>&1 || code=$?
    printf '== %s: exit code %d after %d s\n' "$name" "$code" $(($(date +%s) - begun))
    if [ "$code" -ne 0 ]; then
        failed=$((failed + 1))
        tail -n 30 "$out/$name.txt"
    fi
}

# check NAME SECONDS FILTER...: a step of tests, which fails too where none ran: all were skipped, or there is none of the name.
check() {
    local name=$1 limit=$2 before=$failed total skipped
    shift 2
    step "$name" "$limit" "$dotnet" "$tests" "$@"
    grep -aE 'Total:|\[FAIL\]|\[SKIP\]' "$out/$name.txt" | head -40
    total=$(grep -aoE 'Total: [0-9]+' "$out/$name.txt" | tail -n 1 | grep -oE '[0-9]+')
    skipped=$(grep -aoE 'Skipped: [0-9]+' "$out/$name.txt" | tail -n 1 | grep -oE '[0-9]+')
    if [ "$failed" -eq "$before" ] && [ "${total:-0}" -le "${skipped:-0}" ]; then
        failed=$((failed + 1))
        printf '== %s: nothing was checked, %s of %s tests were skipped\n' "$name" "${skipped:-0}" "${total:-0}"
    fi
}

units=Gateway.UnitTests
contract=WebGpuContractTests
[ "$provider" = cuda ] && contract=CudaContractTests
step nvidia-smi 10 nvidia-smi
step vulkan 5 bash -c 'ls -la /usr/share/vulkan/icd.d /etc/vulkan/icd.d /usr/local/nvidia/share/vulkan/icd.d 2>/dev/null; echo "VK_DRIVER_FILES=${VK_DRIVER_FILES:-}"; ldconfig -p | grep -iE "vulkan|nvidia" | head -20'
check contract "${GATEWAY_CONTRACT_LIMIT:-60}" -class "$units.Execution.$contract"
if [ "$provider" = cuda ]; then
    check driver 30 -method "$units.Memory.Shared.Cuda.CudaDriverTests.Driver_RealDevice_*"
else
    check compiled 60 -method "*ForWebGpu*"
    check device-models 60 -method "*.DeviceSessionsTests.*" -method "*.Load_OnTheDevice_IsCountedUntilItIsGone"
fi
step measurements "${GATEWAY_MEASURE_LIMIT:-780}" "$dotnet" "$harness" "gpu-$provider" --rounds "${GATEWAY_ROUNDS:-3}" --seconds "${GATEWAY_SECONDS:-1}" --warm-up 1 \
    --gateway "$gateway" --out "$out" ${GATEWAY_MODELS:+--models "$GATEWAY_MODELS"}
tail -n 200 "$out/measurements.txt"
[ "$failed" -eq 0 ]
