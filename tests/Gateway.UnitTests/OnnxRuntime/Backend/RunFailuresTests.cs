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
    [InlineData("CUDA failure 709: context is destroyed ; cuStreamSynchronize", ExecutionFailure.DeviceLost)]
    [InlineData("CUDA failure 715: an illegal instruction was encountered ; cuEventSynchronize", ExecutionFailure.DeviceLost)]
    [InlineData("CUDA failure 717: operation not supported on global/shared address space ; cuEventSynchronize", ExecutionFailure.DeviceLost)]
    [InlineData("CUDA failure 220: uncorrectable NVLink error detected during the execution ; cuEventSynchronize", ExecutionFailure.DeviceLost)]
    [InlineData("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&cublas_handle_)", ExecutionFailure.OutOfMemory)]
    [InlineData("CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cudnnCreate(&cudnn_handle_)", ExecutionFailure.OutOfMemory)]
    [InlineData("CUDNN failure 4000: CUDNN_STATUS_INTERNAL_ERROR ; GPU=0", ExecutionFailure.Run)]
    [InlineData("Non-zero status code returned while running Gather node. index out of range", ExecutionFailure.Run)]
    public void KindOf_WhatTheySay_IsUnderstood(string message, ExecutionFailure kind) => Assert.Equal(kind, RunFailures.KindOf(message));
}
