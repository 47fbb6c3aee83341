namespace Gateway.Core.Memory.Shared.Cuda;

/// <summary>A context that is the thread's current one until this is disposed; the one that was comes back then.</summary>
internal readonly ref struct CudaScope : IDisposable
{
    private readonly ICudaDriver _driver;

    public CudaScope(ICudaDriver driver, nint context)
    {
        driver.PushContext(context);
        _driver = driver;
    }

    public void Dispose() => _driver.PopContext();
}
