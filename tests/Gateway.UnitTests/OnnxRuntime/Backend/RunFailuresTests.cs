using Gateway.Core.Execution;
using Gateway.OnnxRuntime.Backend;

namespace Gateway.UnitTests.OnnxRuntime.Backend;

public sealed class RunFailuresTests
{
    /// <summary>What providers say: the arena of ONNX Runtime at its own limit and at the device's, the driver, Dawn.</summary>
    [Theory]
    [InlineData("Non-zero status code returned while running Conv node. bfc_arena.cc:359 AllocateRawInternal Available memory of 1048576 is smaller than requested bytes of 4194304", ExecutionFailure.OutOfMemory)]
    [InlineData("Failed to allocate memory for requested buffer of size 4194304", ExecutionFailure.OutOfMemory)]
    [InlineData("CUDA failure 2: out of memory ; cuMemcpyHtoDAsync", ExecutionFailure.OutOfMemory)]
    [InlineData("CUDA failure 700: an illegal memory access was encountered ; cuEventSynchronize", ExecutionFailure.DeviceLost)]
    [InlineData("CUDA failure 719: unspecified launch failure, out of memory", ExecutionFailure.DeviceLost)]
    [InlineData("Non-zero status code returned while running Gather node. index out of range", ExecutionFailure.Run)]
    public void KindOf_WhatTheySay_IsUnderstood(string message, ExecutionFailure kind) => Assert.Equal(kind, RunFailures.KindOf(message));
}
