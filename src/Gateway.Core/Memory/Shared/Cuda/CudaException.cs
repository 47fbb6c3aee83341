namespace Gateway.Core.Memory.Shared.Cuda;

/// <summary>A function of the CUDA driver failed.</summary>
/// <param name="what">What was wanted of it.</param>
/// <param name="error">The driver's own name of the error, such as <c>CUDA_ERROR_INVALID_VALUE</c>.</param>
public sealed class CudaException(string what, string error) : Exception($"{what}: {error}");
