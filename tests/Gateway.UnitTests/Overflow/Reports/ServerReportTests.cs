using System.Buffers;
using Gateway.Core.Overflow.Reports;
using Gateway.Server.Overflow.Reports;

namespace Gateway.UnitTests.Overflow.Reports;

public sealed class ServerReportTests
{
    private static readonly ServerReport Report = new(0x1122334455667788, ReplicaState.Serving, 8001, true,
    [
        new ModelReport("digits", 3, true, 42, Load(1)),
        new ModelReport("größe", 1, false, ulong.MaxValue, Load(2)),
    ]);

    [Fact]
    public void Read_WhatWasWritten_IsTheSame()
    {
        ServerReport read = ServerReport.Read(Written(Report))!;

        Assert.Equal(Report with { Models = [] }, read with { Models = [] }, Heads);
        Assert.Equal(Report.Models, read.Models);
    }

    [Fact]
    public void Read_EachPart_IsNone()
    {
        byte[] bytes = Written(Report);

        for (int length = 0; length < bytes.Length; length++) Assert.Null(ServerReport.Read(bytes.AsSpan(0, length)));
        Assert.Null(ServerReport.Read([.. bytes, 0]));
    }

    [Fact]
    public void Read_AnyBytes_IsAReportOrNone()
    {
        const int Seed = 20261126;
        Random random = new(Seed);
        byte[] whole = Written(Report);
        for (int i = 0; i < 50_000; i++)
        {
            byte[] bytes = (byte[])whole.Clone();
            for (int change = random.Next(1, 6); change > 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (random.Next(4) == 0) bytes = bytes[..random.Next(bytes.Length)];
            if (ServerReport.Read(bytes) is not { } report) continue;
            Assert.All(report.Models, model => Assert.True(model.Version > 0 && model.Name.Length > 0));
            Assert.InRange(report.State, ReplicaState.Starting, ReplicaState.Draining);
        }
    }

    private static IEqualityComparer<ServerReport> Heads => EqualityComparer<ServerReport>.Create(
        (one, other) => (one!.Instance, one.State, one.GrpcPort, one.IsGrpcTls) == (other!.Instance, other.State, other.GrpcPort, other.IsGrpcTls));

    private static LoadReport Load(uint sequence) => new(ReplicaState.Serving, sequence, 7, 9000, 150_000, 4, 2, 1600);

    private static byte[] Written(ServerReport report)
    {
        ArrayBufferWriter<byte> bytes = new();
        report.Write(bytes);
        return bytes.WrittenSpan.ToArray();
    }
}
