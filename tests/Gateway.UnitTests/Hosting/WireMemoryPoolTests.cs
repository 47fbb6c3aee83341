using System.Buffers;
using System.Net;
using Gateway.Server.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace Gateway.UnitTests.Hosting;

public sealed class WireMemoryPoolTests
{
    [Fact]
    public void Rent_AfterReturns_LendsTheLastReturnedFirst()
    {
        using WireMemoryPool pool = new();
        IMemoryOwner<byte> first = pool.Rent();
        IMemoryOwner<byte> second = pool.Rent();
        first.Dispose();
        second.Dispose();

        Assert.Same(second, pool.Rent());
        Assert.Same(first, pool.Rent());
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(WireMemoryPool.BlockBytes)]
    public void Rent_UpToABlock_LendsAWholeBlock(int bytes)
    {
        using WireMemoryPool pool = new();
        using IMemoryOwner<byte> block = pool.Rent(bytes);

        Assert.Equal(WireMemoryPool.BlockBytes, block.Memory.Length);
    }

    [Fact]
    public void Rent_MoreThanABlock_Throws()
    {
        using WireMemoryPool pool = new();

        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(WireMemoryPool.BlockBytes + 1));
    }

    [Fact]
    public void Dispose_Twice_ReturnsTheBlockOnce()
    {
        using WireMemoryPool pool = new();
        IMemoryOwner<byte> block = pool.Rent();
        block.Dispose();
        block.Dispose();

        Assert.Same(block, pool.Rent());
        Assert.NotSame(block, pool.Rent());
    }

    [Fact]
    public void Create_AskedByEveryTransport_GivesTheSamePool()
    {
        using WireMemoryPool pool = new();

        Assert.Same(pool, pool.Create());
    }

    [Fact]
    public void Return_BeyondTheMostKept_IsLeftToTheCollector()
    {
        using WireMemoryPool pool = new();
        IMemoryOwner<byte>[] blocks = [.. Enumerable.Range(0, WireMemoryPool.MostKept + 1).Select(_ => pool.Rent())];
        foreach (IMemoryOwner<byte> block in blocks) block.Dispose();

        Assert.Same(blocks[^2], pool.Rent());
    }

    [Fact]
    public async Task AddFrontDoor_Kestrel_GetsThisPool()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.AddFrontDoor(new ServerOptions { HttpAddress = IPAddress.Loopback, HttpPort = 0, AllowFrames = false }, new ServedPorts());
        await using WebApplication app = builder.Build();

        Assert.IsType<WireMemoryPool>(app.Services.GetRequiredService<IMemoryPoolFactory<byte>>());
    }
}
