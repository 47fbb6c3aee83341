using Gateway.Core.Memory.Shared;
using Gateway.Protocol;

namespace Gateway.UnitTests.Memory.Shared;

public sealed class SharedRegionsTests : IDisposable
{
    private readonly SharedRegions _regions = new(isAllowed: true);
    private readonly SharedFile _file = new([.. Enumerable.Range(0, 100).Select(each => (byte)each)]);

    public void Dispose()
    {
        _regions.UnregisterAll<SharedRegion>();
        _file.Dispose();
    }

    [Fact]
    public void Register_PartOfAnObject_ReadsAndWritesThere()
    {
        _regions.Register("r", _file.Key, 10, 50);
        SharedRange range = _regions.Take("r"u8, 5, 4);
        byte[] read = new byte[4];

        range.Read(read);
        range.Write([1, 2, 3], "y");
        range.Release();

        Assert.Equal([15, 16, 17, 18], read);
        Assert.Equal([14, 1, 2, 3, 18], _file.Bytes[14..19]);
        SystemRegion region = Assert.Single(_regions.All<SystemRegion>());
        Assert.Equal(("r", _file.Key, 10L, 50L), (region.Name, region.Key, region.Offset, region.Bytes));
    }

    [Theory]
    [InlineData("", "key", 0, 1, "'region name' is necessary to register system shared memory region")]
    [InlineData("r", "key", 0, 0, "failed to register shared memory region 'r': invalid args")]
    [InlineData("r", "key", 0, 101, "failed to register shared memory region 'r': invalid args")]
    [InlineData("r", "key", 101, 1, "failed to register shared memory region 'r': invalid args")]
    [InlineData("r", "key", 1, ulong.MaxValue, "failed to register shared memory region 'r': invalid args")]
    [InlineData("r", "key", ulong.MaxValue, 2, "failed to register shared memory region 'r': invalid args")]
    [InlineData("r", "/gateway-test-none", 0, 1, "Unable to open shared memory region: '/gateway-test-none'")]
    [InlineData("r", "", 0, 1, "Unable to open shared memory region: ''")]
    [InlineData("r", "///", 0, 1, "Unable to open shared memory region: '///'")]
    [InlineData("r", ".", 0, 1, "Unable to open shared memory region: '.'")]
    [InlineData("r", "/..", 0, 1, "Unable to open shared memory region: '/..'")]
    [InlineData("r", "../etc/passwd", 0, 1, "Unable to open shared memory region: '../etc/passwd'")]
    [InlineData("r", "/../../etc/passwd", 0, 1, "Unable to open shared memory region: '/../../etc/passwd'")]
    [InlineData("r", "a/b", 0, 1, "Unable to open shared memory region: 'a/b'")]
    [InlineData("r", "sem.a", 0, 1, "Unable to open shared memory region: 'sem.a'")]
    [InlineData("r", "/triton_python_backend_shm_region_1", 0, 1, "cannot register shared memory region 'r' with key '/triton_python_backend_shm_region_1' as the key contains the reserved prefix 'triton_python_backend_shm_region_'")]
    public void Register_Mistake_IsRefused(string name, string key, ulong offset, ulong bytes, string error)
    {
        InferenceException refused = Assert.Throws<InferenceException>(() => _regions.Register(name, key == "key" ? _file.Key : key, offset, bytes));

        Assert.Equal((StatusCode.InvalidArgument, error), (refused.Status, refused.Message));
        Assert.Empty(_regions.All<SystemRegion>());
    }

    [Fact]
    public void Register_KeyWithMoreAfterAZero_IsNotCutThere() =>
        Assert.Throws<InferenceException>(() => _regions.Register("r", _file.Key + "\0x", 0, 1));

    [Fact]
    public void Register_LinkOutOfTheFolder_IsNotFollowed()
    {
        string target = Path.GetTempFileName();
        File.WriteAllText(target, "secret");
        string link = $"/dev/shm/gateway-test-{Guid.NewGuid():N}";
        File.CreateSymbolicLink(link, target);
        try
        {
            Assert.StartsWith("Unable to open", Assert.Throws<InferenceException>(() => _regions.Register("r", Path.GetFileName(link), 0, 6)).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(link);
            File.Delete(target);
        }
    }

    [Fact]
    public void Register_Twice_AlreadyExists()
    {
        _regions.Register("r", _file.Key, 0, 10);

        InferenceException refused = Assert.Throws<InferenceException>(() => _regions.Register("r", _file.Key, 10, 10));

        Assert.Equal((StatusCode.AlreadyExists, "shared memory region 'r' already in manager"), (refused.Status, refused.Message));
    }

    [Fact]
    public void Register_MoreThanThereMayBe_IsRefused()
    {
        for (int i = 0; i < SharedRegions.MostRegions; i++) _regions.Register($"{i}", _file.Key, 0, 1);

        Assert.Equal(StatusCode.ResourceExhausted, Assert.Throws<InferenceException>(() => _regions.Register("more", _file.Key, 0, 1)).Status);
        _regions.Unregister<SystemRegion>("0");
        _regions.Register("more", _file.Key, 0, 1);
    }

    [Fact]
    public void Register_MoreBytesThanThereMayBe_IsRefused()
    {
        // Sparse: it takes no memory.
        _file.Resize(SharedRegions.MostBytes);
        _regions.Register("a", _file.Key, 0, (ulong)SharedRegions.MostBytes - 5);

        Assert.Equal(StatusCode.ResourceExhausted, Assert.Throws<InferenceException>(() => _regions.Register("b", _file.Key, 0, 6)).Status);
        _regions.Register("b", _file.Key, 0, 5);
    }

    [Theory]
    [InlineData("q", 0, 1, StatusCode.NotFound, "Unable to find shared memory region: 'q'")]
    [InlineData("r", 50, 0, StatusCode.InvalidArgument, "Invalid offset for shared memory region: 'r'")]
    [InlineData("r", ulong.MaxValue, 1, StatusCode.InvalidArgument, "Invalid offset for shared memory region: 'r'")]
    [InlineData("r", 1, ulong.MaxValue, StatusCode.InvalidArgument, "Integer overflow detected: byte_size (18446744073709551615) + offset (1) exceeds maximum value (18446744073709551615) for region 'r'")]
    [InlineData("r", 1, 50, StatusCode.InvalidArgument, "Invalid offset + byte size for shared memory region: 'r'")]
    public void Take_OutOfBounds_IsRefused(string name, ulong offset, ulong bytes, StatusCode status, string error)
    {
        _regions.Register("r", _file.Key, 0, 50);

        InferenceException refused = Assert.Throws<InferenceException>(() => _regions.Take(System.Text.Encoding.UTF8.GetBytes(name), offset, bytes));

        Assert.Equal((status, error), (refused.Status, refused.Message));
    }

    [Fact]
    public void Take_NoNameThatCouldBe_IsNotFound()
    {
        Assert.Equal(StatusCode.NotFound, Assert.Throws<InferenceException>(() => _regions.Take(new byte[5000], 0, 1)).Status);
        Assert.Equal(StatusCode.NotFound, Assert.Throws<InferenceException>(() => _regions.Take([0xFF, 0xFE], 0, 1)).Status);
    }

    [Fact]
    public void Unregister_WhileInUse_StaysForItsUser()
    {
        _regions.Register("r", _file.Key, 0, 50);
        SharedRange range = _regions.Take("r"u8, 0, 10);
        int open = OpenFiles();

        _regions.Unregister<SystemRegion>("r");
        _regions.Register("r", _file.Key, 50, 50);
        range.Write([7], "y");

        Assert.Equal((open + 1, 7), (OpenFiles(), _file.Bytes[0]));
        range.Release();
        Assert.Equal(open, OpenFiles());
    }

    [Fact]
    public void Range_OfAnObjectCutShort_FailsAndHarmsNothing()
    {
        _regions.Register("r", _file.Key, 0, 100);
        SharedRange range = _regions.Take("r"u8, 0, 100);
        _file.Resize(10);

        Assert.Equal(StatusCode.InvalidArgument, Assert.Throws<InferenceException>(() => range.Read(new byte[100])).Status);
        Assert.Equal(StatusCode.InvalidArgument, Assert.Throws<InferenceException>(() => range.Write(new byte[100], "y")).Status);
        Assert.Equal(10, _file.Bytes.Length);
        range.Release();
    }

    [Fact]
    public void Write_MoreThanAskedFor_IsRefused()
    {
        _regions.Register("r", _file.Key, 0, 100);
        SharedRange range = _regions.Take("r"u8, 0, 3);

        Assert.Equal("shared memory size specified with the request for output 'y' (3 bytes) should be at least 4 bytes to hold the results", Assert.Throws<InferenceException>(() => range.Write(new byte[4], "y")).Message);
        range.Release();
    }

    [Theory]
    [InlineData(0, 10, 10, 10, false)]
    [InlineData(0, 11, 10, 10, true)]
    [InlineData(10, 10, 0, 11, true)]
    [InlineData(10, 10, 0, 10, false)]
    public void Overlaps_OtherNameOfTheSameObject_IsTold(ulong first, ulong firstBytes, ulong second, ulong secondBytes, bool overlap)
    {
        _regions.Register("a", _file.Key, 0, 100);
        _regions.Register("b", _file.Key.TrimStart('/'), 0, 100);
        SharedRange one = _regions.Take("a"u8, first, firstBytes);
        SharedRange other = _regions.Take("b"u8, second, secondBytes);

        Assert.Equal((overlap, overlap, false), (one.Overlaps(other), other.Overlaps(one), one.Overlaps(default)));
        one.Release();
        other.Release();
    }

    /// <summary>Descriptors of the object that this process holds.</summary>
    private int OpenFiles() => Directory.GetFiles("/proc/self/fd").Count(each => new FileInfo(each).LinkTarget == _file.Path);
}
