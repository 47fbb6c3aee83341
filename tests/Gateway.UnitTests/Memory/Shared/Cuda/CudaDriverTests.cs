using System.Runtime.InteropServices;
using Gateway.Core.Memory.Shared.Cuda;

namespace Gateway.UnitTests.Memory.Shared.Cuda;

public sealed class CudaDriverTests
{
    private delegate int Allocate(out ulong address, nuint bytes);

    private delegate int Free(ulong address);

    /// <remarks>A library that is there and is another one: nothing of it is called.</remarks>
    [Theory]
    [InlineData("no-such-library.so")]
    [InlineData("libc.so.6")]
    public void TryLoad_NoDriver_IsNone(string library) => Assert.Null(CudaDriver.TryLoad(library));

    /// <remarks>Handles cannot be opened by the process that made them: what opens them is tried by <c>tests/interop/cuda_shared_memory.py</c>.</remarks>
    [Fact]
    public void Driver_RealDevice_CopiesThereAndBack()
    {
        CudaDriver? driver = CudaDriver.TryLoad();
        Assert.SkipWhen(driver is null, "there is no NVIDIA driver with a device (libcuda.so.1)");
        nint library = NativeLibrary.Load("libcuda.so.1");
        Allocate allocate = Marshal.GetDelegateForFunctionPointer<Allocate>(NativeLibrary.GetExport(library, "cuMemAlloc_v2"));
        Free free = Marshal.GetDelegateForFunctionPointer<Free>(NativeLibrary.GetExport(library, "cuMemFree_v2"));
        byte[] sent = [.. Enumerable.Range(0, 100_000).Select(each => (byte)(each * 7))];
        byte[] back = new byte[50_000];

        Assert.Equal("cuDeviceGet: CUDA_ERROR_INVALID_DEVICE", Assert.Throws<CudaException>(() => driver.GetDevice(-1)).Message);
        int device = driver.GetDevice(0);
        nint context = driver.RetainContext(device);
        using (new CudaScope(driver, context))
        {
            Assert.Equal(0, allocate(out ulong address, (nuint)sent.Length));
            Assert.InRange(driver.BytesFrom(address + 10), (ulong)sent.Length - 10, (ulong)sent.Length + (1 << 21));
            driver.CopyToDevice(sent, address);
            driver.CopyToHost(address + 10, back);
            Assert.StartsWith("failed to open CUDA IPC handle: CUDA_ERROR_", Assert.Throws<CudaException>(() => driver.OpenHandle(new byte[CudaRegion.HandleBytes])).Message, StringComparison.Ordinal);
            Assert.StartsWith("cuMemGetAddressRange: CUDA_ERROR_", Assert.Throws<CudaException>(() => driver.BytesFrom(1)).Message, StringComparison.Ordinal);
            Assert.Equal(0, free(address));
        }

        driver.ReleaseContext(device);
        Assert.Equal(sent[10..50_010], back);
    }
}
