"""What people read in place of the names of events and streams: Chinese first."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.values import Words

EVENT_TITLES: Mapping[str, Words] = {
    "ReadingReceivedV1": Words(zh="收到站点数据", en="Reading received"),
    "ReadingPartReceivedV1": Words(zh="收到分包数据的一包", en="Part of a split reading received"),
    "ReadingRejectedV1": Words(zh="数据被拒收", en="Reading rejected"),
    "AgreementPublishedV1": Words(zh="服务协议已发布", en="Agreement published"),
    "InspectionDueV1": Words(zh="巡检任务已列入", en="Inspection due"),
    "InspectionDoneV1": Words(zh="巡检已完成", en="Inspection done"),
    "InspectionMissedV1": Words(zh="巡检未按期完成", en="Inspection missed"),
    "FaultOpenedV1": Words(zh="故障开始", en="Fault opened"),
    "FaultAcknowledgedV1": Words(zh="故障已接单", en="Fault acknowledged"),
    "FaultArrivedV1": Words(zh="人员已到场", en="Somebody arrived on site"),
    "SpareInstalledV1": Words(zh="备机已换上", en="Spare installed"),
    "FaultAnalysedV1": Words(zh="异常原因已查明", en="Cause found and reported"),
    "FaultPausedV1": Words(zh="计时暂停", en="Clock paused"),
    "FaultResumedV1": Words(zh="计时恢复", en="Clock resumed"),
    "FaultResolvedV1": Words(zh="故障已解决", en="Fault resolved"),
    "FaultReopenedV1": Words(zh="故障未消除，重新打开", en="Fault was not over and is open again"),
    "SlaWarnedV1": Words(zh="时限将到", en="Time limit near"),
    "SlaBreachedV1": Words(zh="超过时限", en="Time limit passed"),
    "SlaBreachWithdrawnV1": Words(zh="超时已撤销", en="Breach withdrawn"),
    "ScorePostedV1": Words(zh="考核得分已公布", en="Score posted"),
    "SettlementComputedV1": Words(zh="月度结算已计算", en="Settlement computed"),
    "NoticeRequestedV1": Words(zh="需要通知某人", en="Notice requested"),
    "NoticeSentV1": Words(zh="通知已交网关", en="Notice handed to the gateway"),
    "NoticeDeliveredV1": Words(zh="通知已送达", en="Notice delivered"),
    "NoticeFailedV1": Words(zh="通知发送失败", en="Notice failed"),
}
TOPIC_TITLES: Mapping[str, Words] = {
    "agreements": Words(zh="服务协议，按协议排序", en="Agreements, in order by agreement"),
    "incidents": Words(zh="故障与时限，按故障排序", en="Faults and their clocks, in order by fault"),
    "inspections": Words(zh="巡检任务，按任务排序", en="Inspection tasks, in order by task"),
    "notices": Words(zh="通知，按通知排序", en="Notices, in order by notice"),
    "readings": Words(zh="站点数据，按站点排序", en="Readings, in order by site"),
    "scores": Words(zh="考核与结算，按标包排序", en="Scores and settlements, in order by lot"),
}
SERVICE_TITLES: Mapping[str, Words] = {
    "assets": Words(zh="资产与数据", en="Assets and readings"),
    "inspections": Words(zh="巡检", en="Inspections"),
    "incidents": Words(zh="故障与时限", en="Faults and their clocks"),
    "scoring": Words(zh="考核与结算", en="Scores and settlements"),
    "notify": Words(zh="通知", en="Notices"),
    "console": Words(zh="控制台", en="Console"),
}
