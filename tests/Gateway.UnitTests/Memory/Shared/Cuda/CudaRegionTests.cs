using Gateway.Core.Memory.Shared;
using Gateway.Core.Memory.Shared.Cuda;
using Gateway.Protocol;

namespace Gateway.UnitTests.Memory.Shared.Cuda;

public sealed class CudaRegionTests : IDisposable
{
    private readonly FakeCudaDriver _driver = new();
    private readonly SharedRegions _regions;
    private readonly byte[] _memory = [.. Enumerable.Range(0, 100).Select(each => (byte)each)];
    private readonly byte[] _handle;

    public CudaRegionTests()
    {
        _regions = new SharedRegions(isAllowed: true, () => _driver);
        _handle = _driver.Allocate(_memory);
    }

    public void Dispose()
    {
        _driver.Failing = null;
        _regions.UnregisterAll<SharedRegion>();
        _driver.AssertAllBack();
    }

    [Fact]
    public void Register_MemoryOfADevice_ReadsAndWritesThere()
    {
        _regions.RegisterCuda("r", _handle, 1, 50);
        SharedRange range = _regions.Take("r"u8, 5, 4);
        byte[] read = new byte[4];

        range.Read(read);
        range.Write([1, 2, 3], "y");
        range.Release();

        Assert.Equal([5, 6, 7, 8], read);
        Assert.Equal([4, 1, 2, 3, 8], _memory[4..9]);
        CudaRegion region = Assert.Single(_regions.All<CudaRegion>());
        Assert.Equal(("r", 1L, 50L), (region.Name, region.DeviceId, region.Bytes));
    }

    [Fact]
    public void Read_OnAThreadWithAContext_LeavesItThat()
    {
        nint own = _driver.RetainContext(0);
        _driver.PushContext(own);
        _regions.RegisterCuda("r", _handle, 1, 50);
        SharedRange range = _regions.Take("r"u8, 0, 4);

        range.Read(new byte[4]);
        range.Release();

        Assert.Equal(own, _driver.Current());
        _driver.PopContext();
        _driver.ReleaseContext(0);
    }

    [Theory]
    [InlineData("", 64, 0, 1, "'region name' is necessary to register cuda shared memory region")]
    [InlineData("r", 63, 0, 1, "'raw_handle' must be a valid cudaIpcMemHandle_t, which has 64 bytes")]
    [InlineData("r", 0, 0, 1, "'raw_handle' must be a valid cudaIpcMemHandle_t, which has 64 bytes")]
    [InlineData("r", 64, 0, 0, "failed to register CUDA shared memory region 'r': invalid args")]
    [InlineData("r", 64, 0, 101, "failed to register CUDA shared memory region 'r': invalid args")]
    [InlineData("r", 64, 0, long.MaxValue, "failed to register CUDA shared memory region 'r': invalid args")]
    [InlineData("r", 64, 0, ulong.MaxValue, "failed to register CUDA shared memory region 'r': invalid args")]
    [InlineData("r", 64, 2, 1, "failed to register CUDA shared memory region 'r': cuDeviceGet: CUDA_ERROR_INVALID_DEVICE")]
    [InlineData("r", 64, -1, 1, "failed to register CUDA shared memory region 'r': cuDeviceGet: CUDA_ERROR_INVALID_DEVICE")]
    [InlineData("r", 64, 1L << 32, 1, "failed to register CUDA shared memory region 'r': cuDeviceGet: CUDA_ERROR_INVALID_DEVICE")]
    public void Register_Mistake_IsRefused(string name, int handleBytes, long device, ulong bytes, string error)
    {
        InferenceException refused = Assert.Throws<InferenceException>(() => _regions.RegisterCuda(name, _handle.AsSpan(0, handleBytes), device, bytes));

        Assert.Equal((StatusCode.InvalidArgument, error), (refused.Status, refused.Message));
        Assert.Empty(_regions.All<SharedRegion>());
        _driver.AssertAllBack();
    }

    [Fact]
    public void Register_NoHandleOfTheDrivers_HasTheDriversNameOfTheError()
    {
        InferenceException refused = Assert.Throws<InferenceException>(() => _regions.RegisterCuda("r", new byte[64], 0, 1));

        Assert.Equal((StatusCode.InvalidArgument, "failed to register CUDA shared memory region 'r': failed to open CUDA IPC handle: CUDA_ERROR_INVALID_VALUE"), (refused.Status, refused.Message));
    }

    [Theory]
    [InlineData("cuDeviceGet")]
    [InlineData("cuDevicePrimaryCtxRetain")]
    [InlineData("cuCtxPushCurrent")]
    [InlineData("failed to open CUDA IPC handle")]
    [InlineData("cuMemGetAddressRange")]
    public void Register_AnyStepFails_LeavesNothing(string step)
    {
        _driver.Failing = step;

        InferenceException refused = Assert.Throws<InferenceException>(() => _regions.RegisterCuda("r", _handle, 0, 1));

        Assert.Equal($"failed to register CUDA shared memory region 'r': {step}: CUDA_ERROR_DEVICE_UNAVAILABLE", refused.Message);
        Assert.Empty(_regions.All<SharedRegion>());
        _driver.AssertAllBack();
    }

    [Fact]
    public void Register_NameOfAnyFamily_AlreadyExists()
    {
        using SharedFile file = new(new byte[10]);
        _regions.RegisterCuda("c", _handle, 0, 10);
        _regions.Register("s", file.Key, 0, 10);

        Action[] again = [() => _regions.RegisterCuda("c", _handle, 0, 10), () => _regions.RegisterCuda("s", _handle, 0, 10), () => _regions.Register("c", file.Key, 0, 10)];

        Assert.All(again, each => Assert.Equal(StatusCode.AlreadyExists, Assert.Throws<InferenceException>(each).Status));
        Assert.Equal(1, _driver.Open);
    }

    [Fact]
    public void Unregister_OtherFamily_LeavesIt()
    {
        _regions.RegisterCuda("c", _handle, 0, 10);

        _regions.Unregister<SystemRegion>("c");
        _regions.UnregisterAll<SystemRegion>();

        Assert.Single(_regions.All<CudaRegion>());
        _regions.UnregisterAll<CudaRegion>();
        Assert.Empty(_regions.All<CudaRegion>());
        _driver.AssertAllBack();
    }

    [Fact]
    public void Unregister_WhileInUse_StaysForItsUser()
    {
        _regions.RegisterCuda("r", _handle, 0, 50);
        SharedRange range = _regions.Take("r"u8, 0, 10);

        _regions.Unregister<CudaRegion>("r");
        range.Write([7], "y");

        Assert.Equal((1, 7), (_driver.Open, _memory[0]));
        range.Release();
        _driver.AssertAllBack();
    }

    [Theory]
    [InlineData("cuMemcpyDtoH")]
    [InlineData("cuCtxPushCurrent")]
    public void Read_DeviceLost_IsTheServersFailure(string step)
    {
        _regions.RegisterCuda("r", _handle, 0, 50);
        SharedRange range = _regions.Take("r"u8, 0, 10);
        _driver.Failing = step;

        InferenceException failed = Assert.Throws<InferenceException>(() => range.Read(new byte[10]));

        Assert.Equal((StatusCode.Internal, $"CUDA shared memory region 'r' could not be read: {step}: CUDA_ERROR_DEVICE_UNAVAILABLE"), (failed.Status, failed.Message));
        range.Release();
    }

    [Fact]
    public void Write_DeviceLost_IsTheServersFailure()
    {
        _regions.RegisterCuda("r", _handle, 0, 50);
        SharedRange range = _regions.Take("r"u8, 0, 10);
        _driver.Failing = "cuMemcpyHtoD";

        InferenceException failed = Assert.Throws<InferenceException>(() => range.Write(new byte[10], "y"));

        Assert.Equal((StatusCode.Internal, "CUDA shared memory region 'r' could not be written: cuMemcpyHtoD: CUDA_ERROR_DEVICE_UNAVAILABLE"), (failed.Status, failed.Message));
        range.Release();
    }

    [Fact]
    public void Unregister_DeviceLost_GivesItsContextBack()
    {
        _regions.RegisterCuda("r", _handle, 0, 50);
        _driver.Failing = "cuIpcCloseMemHandle";

        _regions.Unregister<CudaRegion>("r");

        Assert.Empty(_regions.All<CudaRegion>());
        Assert.Equal("cuDevicePrimaryCtxRelease: CUDA_ERROR_INVALID_CONTEXT", Assert.Throws<CudaException>(() => _driver.ReleaseContext(0)).Message);
        _driver.Failing = null;
        nint context = _driver.RetainContext(0);
        using (new CudaScope(_driver, context)) _driver.CloseHandle(0x7000_0000_0000);
        _driver.ReleaseContext(0);
    }

    [Theory]
    [InlineData(0, 10, 10, 10, false)]
    [InlineData(0, 11, 10, 10, true)]
    [InlineData(10, 10, 0, 11, true)]
    public void Overlaps_OtherNameOfTheSameMemory_IsTold(ulong first, ulong firstBytes, ulong second, ulong secondBytes, bool overlap)
    {
        using SharedFile file = new(new byte[100]);
        _regions.RegisterCuda("a", _handle, 0, 100);
        _regions.RegisterCuda("b", _handle, 0, 100);
        _regions.RegisterCuda("c", _driver.Allocate(new byte[100]), 0, 100);
        _regions.Register("s", file.Key, 0, 100);
        SharedRange one = _regions.Take("a"u8, first, firstBytes);
        SharedRange other = _regions.Take("b"u8, second, secondBytes);
        SharedRange elsewhere = _regions.Take("c"u8, first, firstBytes);
        SharedRange system = _regions.Take("s"u8, first, firstBytes);

        Assert.Equal((overlap, overlap, false, false), (one.Overlaps(other), other.Overlaps(one), one.Overlaps(elsewhere), one.Overlaps(system)));
        foreach (SharedRange range in new[] { one, other, elsewhere, system }) range.Release();
    }

    [Fact]
    public void Register_NoDriver_IsUnsupported()
    {
        int loads = 0;
        SharedRegions regions = new(isAllowed: true, () =>
        {
            loads++;
            return null;
        });

        Assert.Equal(0, loads);
        Assert.False(regions.HasCuda);
        InferenceException refused = Assert.Throws<InferenceException>(() => regions.RegisterCuda("r", _handle, 0, 1));
        Assert.Equal((StatusCode.Unsupported, "failed to register CUDA shared memory region: 'r', GPUs not supported"), (refused.Status, refused.Message));
        Assert.Equal(1, loads);
    }

    [Fact]
    public void HasCuda_NotAllowed_DoesNotLoadTheDriver() => Assert.False(new SharedRegions(isAllowed: false, () => throw new InvalidOperationException()).HasCuda);
}
